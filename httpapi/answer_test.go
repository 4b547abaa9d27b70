package httpapi_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/race"
)

// plainOf undoes the coding of an answer.
func plainOf(t *testing.T, coding, body string) string {
	t.Helper()
	var reader io.Reader = strings.NewReader(body)
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(reader)
		require.NoError(t, err)
		reader = z
	case "zstd":
		z, err := zstd.NewReader(reader)
		require.NoError(t, err)
		defer z.Close()
		reader = z
	default:
		require.Empty(t, coding)
	}
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(plain)
}

// TestCompressedAnswers asks for answers of all lengths in every format and coding: they are what the plain answer is.
func TestCompressedAnswers(t *testing.T) {
	for _, rows := range []int{1, 20, 400, 513, 5000 / race.Fewer} {
		server := startWith(t, longStore{newFakeStore(), rows}, httpapi.Options{})
		for _, extension := range []string{"json", "jsoncompact", "ndjson", "csv", "csvwithnames", "parquet", "prometheus"} {
			target := "/v0/pipes/model_performance_metrics." + extension + "?model_id=*"
			_, want := server.do(t, "GET", target, nil)
			for accept, coding := range map[string]string{
				"gzip": "gzip", "gzip, deflate, br, zstd": "zstd", "zstd;q=0.5, gzip;q=0.6": "gzip", "br": "", "identity, gzip;q=0.5": "", "gzip, identity;q=0": "gzip!",
			} {
				must := strings.HasSuffix(coding, "!")
				coding = strings.TrimSuffix(coding, "!")
				if !must && (len(want) < 1024 || extension == "parquet") {
					coding = ""
				}
				resp, body := server.do(t, "GET", target, nil, "Accept-Encoding", accept)
				require.Equal(t, http.StatusOK, resp.StatusCode, body)
				require.Equal(t, coding, resp.Header.Get("Content-Encoding"), "%s for %s, %d bytes", accept, extension, len(want))
				require.Equal(t, "Accept-Encoding", resp.Header.Get("Vary"))
				require.Equal(t, want, plainOf(t, coding, body))
				if coding != "" && len(want) > 64<<10 && extension != "parquet" {
					require.Less(t, len(body), len(want)/4, "%s of %s", coding, extension)
				}
				resp, body = server.do(t, "HEAD", target, nil, "Accept-Encoding", accept)
				require.Equal(t, coding, resp.Header.Get("Content-Encoding"))
				require.Empty(t, body)
			}
			resp, body := server.do(t, "GET", target, nil, "Accept-Encoding", "br, *;q=0")
			require.Equal(t, http.StatusNotAcceptable, resp.StatusCode)
			require.Contains(t, errorText(t, body), "Accept-Encoding")
		}
		answer := exchange(t, server.addr, strings.Replace(get(longTarget, "Accept-Encoding: gzip"), "HTTP/1.1", "HTTP/1.0", 1))
		if _, body, _ := strings.Cut(answer, "\r\n\r\n"); rows > 1 {
			_, want := server.do(t, "GET", longTarget, nil)
			require.Equal(t, want, plainOf(t, "gzip", body))
		}
		server.awaitRoom(t)
	}
}

// TestCompressionWithoutRoom has memory for an answer and none for compressing it: it comes as it is, and only who does not take that
// is to come again.
func TestCompressionWithoutRoom(t *testing.T) {
	for _, rows := range []int{100, 100_000} {
		server := startWith(t, longStore{newFakeStore(), rows}, httpapi.Options{Limits: httpapi.Limits{AnswerBytesMax: 1 << 20}})
		resp, _ := server.do(t, "GET", longTarget, nil, "Accept-Encoding", "gzip")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, resp.Header.Get("Content-Encoding"))
		resp, _ = server.do(t, "GET", longTarget, nil, "Accept-Encoding", "gzip, identity;q=0")
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		require.Empty(t, resp.Header.Get("Content-Encoding"))
	}
}

// TestCompressedAnswersAreCut has an answer end before its end: no client takes it for whole.
func TestCompressedAnswersAreCut(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		store := endlessStore{newFakeStore(), make(chan struct{}, 1)}
		server := startWith(t, store, httpapi.Options{Limits: httpapi.Limits{AnswerTimeout: 200 * time.Millisecond}})
		conn := dial(t, server.addr)
		_, err := io.WriteString(conn, get(longTarget, "Accept-Encoding: "+coding))
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil { // else not even a piece was full in time
			require.Equal(t, coding, resp.Header.Get("Content-Encoding"))
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close() // which says the same
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		store.awaitEnd()
		server.awaitRoom(t)
	}
}

// countedStore is a store that counts the questions of one pipe.
type countedStore struct {
	*engine.DB

	asked *atomic.Int64
}

func (s countedStore) EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(*engine.MetricsRow) bool) (engine.Read, error) {
	s.asked.Add(1)
	return s.DB.EachMetrics(ctx, q, yield)
}

// tagged is a server of a store whose answers have entity tags.
type tagged struct {
	*running
	t     *testing.T
	db    *engine.DB
	clock *clock
	asked atomic.Int64
}

func startTagged(t *testing.T, tokens *httpapi.Tokens) *tagged {
	t.Helper()
	s := &tagged{t: t, clock: &clock{}}
	var err error
	s.db, err = engine.Open(t.TempDir(), engine.Options{Now: s.clock.now, NoBackground: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	s.running = startWith(t, countedStore{s.db, &s.asked}, httpapi.Options{Now: s.clock.now, Tokens: tokens})
	return s
}

// tag asks for an answer and returns its entity tag.
func (s *tagged) tag(target string, headers ...string) string {
	s.t.Helper()
	resp, body := s.do(s.t, "GET", target, nil, headers...)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, body)
	return resp.Header.Get("ETag")
}

// same tells whether the answer is still that of a tag.
func (s *tagged) same(target, tag string, headers ...string) bool {
	s.t.Helper()
	resp, body := s.do(s.t, "GET", target, nil, append(headers, "If-None-Match", tag)...)
	if resp.StatusCode == http.StatusNotModified {
		require.Empty(s.t, body)
		require.Contains(s.t, tag, strings.TrimPrefix(resp.Header.Get("ETag"), "W/"))
		require.Equal(s.t, "no-store", resp.Header.Get("Cache-Control"))
		require.Equal(s.t, "Accept-Encoding", resp.Header.Get("Vary"))
		return true
	}
	require.Equal(s.t, http.StatusOK, resp.StatusCode, body)
	return false
}

func (s *tagged) send(lines string, headers ...string) {
	s.t.Helper()
	resp, body := s.do(s.t, "POST", events, strings.NewReader(lines), headers...)
	require.Equal(s.t, http.StatusAccepted, resp.StatusCode, body)
}

// TestEntityTags polls: a poll without news is a 304 that asks the store nothing, one with news is answered.
func TestEntityTags(t *testing.T) {
	s := startTagged(t, nil)
	s.send(line("a", "v", "production", "1", now.Add(-time.Hour), "1", "2") + line("b", "v", "production", "1", now.Add(-time.Hour), "1", "3"))
	const (
		all   = "/v0/pipes/model_performance_metrics.json?model_id=*"
		one   = "/v0/pipes/model_performance_metrics.json?model_id=a"
		still = "/v0/pipes/models.jsoncompact?model_id=a&as_of=2025-04-27T12:00:00Z"
		lines = "/v0/pipes/quarantine.csv"
	)
	targets := []string{all, one, still, lines}
	tags := map[string]string{}
	for _, target := range targets {
		tags[target] = s.tag(target)
		require.Regexp(t, `^W/"[A-Za-z0-9_-]{20}"$`, tags[target])
	}
	changed := func(want ...string) {
		t.Helper()
		var got []string
		for _, target := range targets {
			if !s.same(target, tags[target]) {
				got = append(got, target)
				tags[target] = s.tag(target)
			}
		}
		require.Equal(t, want, got)
	}
	changed()
	asked := s.asked.Load()
	require.True(t, s.same(all, `"x", `+tags[all][2:]), "among others, and as a strong one")
	require.True(t, s.same(all, tags[all], "Accept-Encoding", "gzip"), "whatever the coding")
	require.Equal(t, asked, s.asked.Load())
	require.False(t, s.same(all, `"x"`))
	require.False(t, s.same(all+"&digits=3", tags[all]))
	require.False(t, s.same(strings.Replace(all, ".json", ".ndjson", 1), tags[all]))
	require.False(t, s.same(all, "*"))

	s.send(line("b", "v", "production", "2", now.Add(-time.Hour), "1", "3"))
	changed(all)
	s.send(line("a", "v", "production", "2", now.Add(-time.Hour), "1", "3"))
	changed(all, one, still)
	s.send(line("a", "v", "production", "2", now.Add(-time.Hour), "1", "3"))
	require.NoError(t, s.db.Checkpoint(t.Context()))
	require.NoError(t, s.db.Merge(t.Context()))
	for _, target := range targets {
		tags[target] = s.tag(target) // the row that was sent again may count as news
	}
	require.NoError(t, s.db.Checkpoint(t.Context()))
	changed()
	s.send("nothing\n")
	changed(lines)
	s.clock.nanos.Add(int64(time.Minute))
	changed(all, one)
	_, err := s.db.DeleteRows(t.Context(), engine.Deletion{Models: []string{"a"}, IDs: []string{"1"}})
	require.NoError(t, err)
	changed(all, one, still)

	// What has none: an error, and an answer to a POST.
	resp, _ := s.do(t, "GET", all+"&time_window=x", nil, "If-None-Match", tags[all])
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Empty(t, resp.Header.Get("ETag"))
	resp, _ = s.do(t, "POST", all, nil, "If-None-Match", tags[all])
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Empty(t, resp.Header.Get("ETag"))
	resp, _ = s.do(t, "HEAD", all, nil, "If-None-Match", s.tag(all))
	require.Equal(t, http.StatusNotModified, resp.StatusCode)
}

// TestEntityTagsOfBoundedTokens writes what a token must not see: its tags stay as they are. Two tokens have nothing in common.
func TestEntityTagsOfBoundedTokens(t *testing.T) {
	dir := t.TempDir()
	token := func(name string, models ...string) []string {
		token, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: name, Scopes: httpapi.Scopes()[2:], Models: models, Created: now})
		require.NoError(t, err)
		return []string{"Authorization", "Bearer " + token}
	}
	team, admin := token("team", "team_a_*"), token("all")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	s := startTagged(t, tokens)
	s.send(line("team_a_1", "v", "production", "1", now.Add(-time.Hour), "1", "2"), admin...)
	for _, target := range []string{"/v0/pipes/models.json", "/v0/pipes/models.json?model_id=team_b", "/v0/pipes/predictions.csv?model_id=*"} {
		mine, theirs := s.tag(target, team...), s.tag(target, admin...)
		require.NotEqual(t, mine, theirs)
		s.send(line("team_b", "v", "production", "1", now.Add(-time.Hour), "1", "2")+"nothing\n", admin...)
		require.True(t, s.same(target, mine, team...))
		require.False(t, s.same(target, theirs, admin...))
		s.send(line("team_a_2", "v", "production", "1", now.Add(-time.Hour), "1", "2"), admin...)
		require.Equal(t, strings.Contains(target, "=team_b"), s.same(target, mine, team...))
	}
	require.Empty(t, s.tag("/v0/pipes/quarantine.json", team...))
	require.NotEmpty(t, s.tag("/v0/pipes/quarantine.json", admin...))
}

// TestEqualTagsAreEqualAnswers does what changes a store at random and asks every pipe about some models: two answers with the same tag
// say the same.
func TestEqualTagsAreEqualAnswers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := startTagged(t, nil)
	var targets []string
	for _, route := range httpapi.Surface() {
		if pipe, ok := strings.CutPrefix(route, "GET /v0/pipes/"); ok && !strings.HasSuffix(pipe, ".json") {
			for _, query := range []string{"", "?model_id=*&model_version=*", "?model_id=m1,m2", "?model_id=m1&as_of=2025-04-27T13:00:00Z"} {
				targets = append(targets, "/v0/pipes/"+pipe+".json"+query)
			}
		}
	}
	known, repeated := map[string]string{}, 0
	rounds := 20
	if *long {
		rounds = 600
	}
	for range rounds {
		switch model := fmt.Sprint("m", r.IntN(4)); r.IntN(8) {
		case 0:
			require.NoError(t, s.db.Checkpoint(t.Context()))
		case 1:
			require.NoError(t, s.db.Merge(t.Context()))
		case 2:
			_, err := s.db.DeleteRows(t.Context(), engine.Deletion{Models: []string{model}, IDs: []string{strconv.Itoa(r.IntN(9))}})
			require.NoError(t, err)
		case 3:
			s.do(t, "POST", sendActuals, strings.NewReader(fmt.Sprintf(`{"model_id":%q,"prediction_id":"%d","actual_value":%d}`, model, r.IntN(9), r.IntN(9))))
		case 4:
			s.send("nothing\n")
		case 5:
			s.clock.nanos.Add(int64(time.Hour))
		default:
			s.send(line(model, "v"+strconv.Itoa(r.IntN(3)), "production", strconv.Itoa(r.IntN(9)), s.clock.now().Add(-time.Duration(r.IntN(48))*time.Hour), "1", strconv.Itoa(r.IntN(5))))
		}
		for _, target := range targets {
			resp, body := s.do(t, "GET", target, nil)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			var answer struct {
				Data []map[string]any
				Rows int `json:"rows_before_limit_at_least"`
			}
			require.NoError(t, json.Unmarshal([]byte(body), &answer))
			says := fmt.Sprint(answer)
			tag := resp.Header.Get("ETag")
			if tag == "" {
				continue
			}
			if before, ok := known[tag]; ok {
				repeated++
				require.Equal(t, before, says, target)
			}
			known[tag] = says
		}
	}
	require.Greater(t, repeated, 8*rounds)
}
