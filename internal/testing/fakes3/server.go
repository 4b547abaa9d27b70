// Package fakes3 is an S3 server in memory, for tests: it lists, sends objects whole and in ranges, and fails as it is told to.
//
// It checks the key and the region of a request and no signature; a real server is what the tests of `make s3` are for.
package fakes3

import (
	"crypto/md5" //nolint:gosec // ETags are MD5
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The key and the region that a request must have.
const (
	AccessKey = "access"
	SecretKey = "s3cr3t"
	Region    = "eu-test-1"
)

// Server is a server with one bucket. Its methods are safe for concurrent use.
type Server struct {
	// URL is that of the endpoint.
	URL    string
	Bucket string

	http *httptest.Server

	mu      sync.Mutex
	objects map[string]*object
	page    int
	fault   func(*Request) *Fault
	etag    func(string) string
	counts  map[string]int
}

type object struct {
	data     []byte
	etag     string
	modified time.Time
}

// Request is what a fault is decided by.
type Request struct {
	// Op is list, get or location; Key the object's.
	Op, Key string
	// From is the first byte that is asked for.
	From int64
	HTTP *http.Request
}

// Fault is how a request fails.
type Fault struct {
	// Status and Code are those of an error; Status 0 is none.
	Status int
	Code   string
	// Region is that of the bucket, as an error says it.
	Region string
	// CutAfter is how many bytes of an object are sent before the connection is cut, if it is positive; StallAfter those before nothing
	// more is sent until the client leaves.
	CutAfter, StallAfter int64
	// IgnoreRange sends an object whole, IgnoreMatch whatever its ETag is.
	IgnoreRange, IgnoreMatch bool
	// Refuse cuts the connection before there is an answer.
	Refuse bool
	// Answer is what is answered in the place of everything, with 200.
	Answer string
	// Short is how many bytes an object has, where it is positive, though it was listed with more.
	Short int
}

// Start starts a server. Secure is set for one that speaks TLS, by a certificate that nobody trusts.
func Start(secure bool) *Server {
	s := &Server{Bucket: "events", objects: map[string]*object{}, page: 1000, counts: map[string]int{}}
	s.etag = func(etag string) string { return `"` + etag + `"` }
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it would be of handshakes that are to fail
	if secure {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	s.URL = s.http.URL
	return s
}

// Close ends the server, and its connections.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Put stores an object.
func (s *Server) Put(key string, data []byte, modified time.Time) {
	sum := md5.Sum(data) //nolint:gosec // as above
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = &object{data: data, etag: hex.EncodeToString(sum[:]), modified: modified}
}

// Remove removes an object.
func (s *Server) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
}

// Page sets how many keys a page of a listing has.
func (s *Server) Page(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = n
}

// Fail sets what decides which requests fail; nil for none.
func (s *Server) Fail(f func(*Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Tag sets how the server writes the ETag of an object; without it, in quotes.
func (s *Server) Tag(f func(etag string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.etag = f
}

// Count returns how many requests of an op there were, for an object if key is not empty.
func (s *Server) Count(op, key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[op+" "+key]
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve(w, r) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	req := &Request{Op: "get", Key: key, HTTP: r}
	switch {
	case key != "":
		req.From, _ = byteRange(r.Header.Get("Range"))
	case r.URL.Query().Has("location"):
		req.Op = "location"
	default:
		req.Op = "list"
	}
	s.mu.Lock()
	s.counts[req.Op+" "]++
	if key != "" {
		s.counts[req.Op+" "+key]++
	}
	fault := s.fault
	s.mu.Unlock()
	f := &Fault{}
	if fault != nil {
		if said := fault(req); said != nil {
			f = said
		}
	}
	s.mu.Lock()
	found, page, tag := s.objects[key], s.page, s.etag // a fault may have changed them
	s.mu.Unlock()
	if f.Refuse {
		panic(http.ErrAbortHandler)
	}
	credential := strings.Split(r.Header.Get("Authorization"), "Credential=")
	switch {
	case f.Answer != "":
		_, _ = w.Write([]byte(f.Answer))
	case f.Status != 0:
		sendError(w, f.Status, f.Code, f.Region)
	case len(credential) != 2 || !strings.HasPrefix(credential[1], AccessKey+"/"):
		sendError(w, http.StatusForbidden, "InvalidAccessKeyId", "")
	case strings.Split(credential[1], "/")[2] != Region:
		sendError(w, http.StatusBadRequest, "AuthorizationHeaderMalformed", Region)
	case name != s.Bucket:
		sendError(w, http.StatusNotFound, "NoSuchBucket", "")
	case req.Op == "location":
		_, _ = fmt.Fprintf(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</LocationConstraint>`, Region)
	case req.Op == "list":
		s.list(w, r.URL.Query(), page)
	case found == nil:
		sendError(w, http.StatusNotFound, "NoSuchKey", "")
	default:
		found.send(w, r, f, tag(found.etag))
	}
}

func sendError(w http.ResponseWriter, status int, code, region string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Region  string `xml:",omitempty"`
	}{Code: code, Message: "the message of " + code, Region: region})
}

// byteRange reads bytes=from-to, of which to may be left out: it is -1 then.
func byteRange(header string) (from, to int64) {
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	if !ok {
		return 0, -1
	}
	from, _ = strconv.ParseInt(first, 10, 64)
	if to = -1; last != "" {
		to, _ = strconv.ParseInt(last, 10, 64)
	}
	return from, to
}

func (o *object) send(w http.ResponseWriter, r *http.Request, f *Fault, etag string) {
	if match := r.Header.Get("If-Match"); match != "" && (strings.Trim(match, `"`) != strings.Trim(etag, `"`) || strings.HasPrefix(etag, "W/")) && !f.IgnoreMatch {
		sendError(w, http.StatusPreconditionFailed, "PreconditionFailed", "")
		return
	}
	data, status := o.data, http.StatusOK
	if f.Short > 0 {
		data = data[:min(f.Short, len(data))]
	}
	if header := r.Header.Get("Range"); header != "" && !f.IgnoreRange {
		from, to := byteRange(header)
		if from >= int64(len(data)) {
			sendError(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "")
			return
		}
		if to < 0 || to >= int64(len(data)) {
			to = int64(len(data)) - 1
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(data)))
		data, status = data[from:to+1], http.StatusPartialContent
	}
	w.Header().Set("Etag", etag)
	w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	cut := max(f.CutAfter, f.StallAfter)
	if cut == 0 || cut >= int64(len(data)) {
		_, _ = w.Write(data)
		return
	}
	_, _ = w.Write(data[:cut])
	if f.StallAfter > 0 {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// list sends a page of a listing. The token of the next page is the last key of this one.
func (s *Server) list(w http.ResponseWriter, q url.Values, page int) {
	type content struct {
		Key          string
		LastModified string
		ETag         string
		Size         int
		StorageClass string
	}
	result := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name, Prefix          string
		EncodingType          string `xml:",omitempty"`
		KeyCount, MaxKeys     int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}{Name: s.Bucket, Prefix: q.Get("prefix"), MaxKeys: page, EncodingType: q.Get("encoding-type")}
	behind := max(q.Get("start-after"), q.Get("continuation-token"))
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, result.Prefix) && key > behind {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	if result.IsTruncated = len(keys) > page; result.IsTruncated {
		keys = keys[:page]
		result.NextContinuationToken = keys[page-1]
	}
	for key := range slices.Values(keys) {
		o := s.objects[key]
		shown := key
		if result.EncodingType == "url" {
			shown = url.QueryEscape(key)
		}
		result.Contents = append(result.Contents, content{
			Key: shown, LastModified: o.modified.UTC().Format("2006-01-02T15:04:05.000Z"), ETag: s.etag(o.etag), Size: len(o.data), StorageClass: "STANDARD",
		})
	}
	result.KeyCount = len(result.Contents)
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(result)
}
