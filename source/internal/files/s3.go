package files

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/residualdb/residual/source/internal/connector"
)

// bucket is a bucket of S3. The version of an object is its ETag.
type bucket struct {
	config  *Config
	client  minio.Core
	pattern *pattern
	retried func()
	idle    func() // closes idle connections
}

func newBucket(c *Config, p *pattern, retried func()) (*bucket, error) {
	host, secure := "s3."+c.S3.Region+".amazonaws.com", true
	if c.S3.Endpoint != "" {
		u, err := url.Parse(c.S3.Endpoint)
		if err != nil {
			return nil, err
		}
		host, secure = u.Host, u.Scheme == "https"
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: min(10*time.Second, c.Limits.Stall)}).DialContext,
		TLSHandshakeTimeout:   min(10*time.Second, c.Limits.Stall),
		ResponseHeaderTimeout: c.Limits.Stall,
		IdleConnTimeout:       time.Minute,
		ReadBufferSize:        64 << 10,
		DisableCompression:    true, // an object that is compressed is read as it is
	}
	client, err := minio.NewCore(host, &minio.Options{
		Creds: keys(c.S3), Secure: secure, Region: c.S3.Region, Transport: listings{transport}, MaxRetries: 1,
	})
	if err != nil {
		return nil, connector.Advise(fmt.Errorf("S3: %w", err), "check S3_ENDPOINT")
	}
	return &bucket{config: c, client: *client, pattern: p, retried: retried, idle: transport.CloseIdleConnections}, nil
}

// close ends idle connections.
func (b *bucket) close() { b.idle() }

func (b *bucket) name(key string) string { return "s3://" + b.config.Bucket + "/" + key }

// attempts repeats requests that do something.
func (b *bucket) attempts(doing string) attempts {
	final := func(err error) error { return b.advised(err, doing) }
	return attempts{limits: &b.config.Limits, retried: b.retried, passes: passes, final: final}
}

// list implements place. A listing that is cut goes on behind the last key.
func (b *bucket) list(ctx context.Context, yield func(object)) (skipped, err error) {
	owner, last := false, ""
	tries := b.attempts("list the bucket " + b.config.Bucket)
	for {
		err := b.listBehind(ctx, minio.ListObjectsOptions{Prefix: b.pattern.prefix, Recursive: true, FetchOwner: &owner, StartAfter: last},
			func(o *minio.ObjectInfo) {
				tries.progressed()
				last = o.Key
				if b.pattern.matches(o.Key) {
					found := object{key: o.Key, size: o.Size, modified: o.LastModified}
					found.version, found.match = version(o.ETag)
					yield(found)
				}
			})
		if err == nil {
			return nil, nil
		}
		if err := tries.again(ctx, err); err != nil {
			return nil, err
		}
	}
}

func (b *bucket) listBehind(ctx context.Context, opts minio.ListObjectsOptions, yield func(*minio.ObjectInfo)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(b.config.Limits.Stall, func() { cancel(errStalled) })
	defer stall.Stop()
	first := ""
	for o := range b.client.ListObjectsIter(ctx, b.config.Bucket, opts) {
		if o.Err != nil {
			if context.Cause(ctx) == errStalled { //nolint:errorlint // it is that very one
				return errStalled
			}
			return o.Err
		}
		if o.Key == first {
			return errEndless
		}
		first = cmp.Or(first, o.Key)
		stall.Reset(b.config.Limits.Stall)
		yield(&o)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// plainMax is how long an ETag may be that is a version as it is.
const plainMax = 128

// version is an ETag as a version, and what If-Match may ask for: nothing for a weak one, which nothing matches, and none for what is no
// plain word. The answer to a request says then which version it is of.
func version(etag string) (version, match string) {
	strong, weak := strings.CutPrefix(etag, "W/")
	strong = strings.Trim(strong, `"`)
	isPlain := !strings.ContainsFunc(strong, func(c rune) bool { return c <= ' ' || c >= 0x7F || c == '"' })
	switch {
	case !isPlain || len(strong) > plainMax:
		return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strong))), ""
	case weak:
		return strong, ""
	}
	return strong, strong
}

// open implements place.
func (b *bucket) open(ctx context.Context, o *object, from int64) (io.ReadCloser, error) {
	return b.stream(ctx, o, from, o.size), nil
}

func (b *bucket) stream(ctx context.Context, o *object, from, end int64) *stream {
	get := func(ctx context.Context, from, end int64) (io.ReadCloser, error) { return b.get(ctx, o, from, end) }
	tries := b.attempts("read " + b.name(o.key))
	final := tries.final
	tries.final = func(err error) error {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errShort
		}
		return final(err)
	}
	return &stream{ctx: ctx, get: get, at: from, end: end, stall: b.config.Limits.Stall, attempts: tries}
}

// openAt implements place.
func (b *bucket) openAt(ctx context.Context, o *object) (readerAtCloser, error) {
	read := func(p []byte, from int64) error {
		s := b.stream(ctx, o, from, from+int64(len(p)))
		defer s.disconnect()
		_, err := io.ReadFull(s, p)
		return err
	}
	return struct {
		io.ReaderAt
		io.Closer
	}{&blocks{size: o.size, read: read}, io.NopCloser(nil)}, nil
}

// get asks for the bytes [from, end) of the version of an object. A server that does not know If-Match says with what it sends which
// version that is, and one that does not know ranges sends what is to be passed.
func (b *bucket) get(ctx context.Context, o *object, from, end int64) (io.ReadCloser, error) {
	opts := minio.GetObjectOptions{}
	if o.version == "" {
		return nil, fmt.Errorf("%w: the server gives it no ETag", errUnreadable)
	}
	if o.match != "" {
		opts.Set("If-Match", `"`+o.match+`"`)
	}
	if ranged := from > 0 || end < o.size; ranged {
		opts.Set("Range", fmt.Sprintf("bytes=%d-%d", from, end-1))
	}
	body, info, header, err := b.client.GetObject(ctx, b.config.Bucket, o.key, opts)
	if err != nil {
		return nil, b.objectError(err)
	}
	if sent, _ := version(info.ETag); sent != o.version {
		_ = body.Close() // it was only read
		return nil, errChanged
	}
	if from > 0 && header.Get("Content-Range") == "" {
		if _, err := io.CopyN(io.Discard, body, from); err != nil {
			_ = body.Close() // it was only read
			return nil, err
		}
	}
	return body, nil
}

// errEndless is returned for a listing that begins again before it has ended.
var errEndless = errors.New("the server lists the same keys again and again")

// errNotS3 is returned for an answer that is no listing.
var errNotS3 = errors.New("the answer is no listing of a bucket")

// listings holds answers to a listing to what they are: other servers answer with a page, which has no keys in it.
type listings struct{ http.RoundTripper }

func (l listings) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK || !r.URL.Query().Has("list-type") {
		return answer, err
	}
	body := bufio.NewReader(answer.Body)
	start, _ := body.Peek(512) // fewer of a shorter one
	if !bytes.Contains(start, []byte("<ListBucketResult")) {
		_ = answer.Body.Close() // it was only read
		return nil, errNotS3
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{body, answer.Body}
	return answer, nil
}
