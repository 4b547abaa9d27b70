package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

// TestLongBodies sends bodies of several pieces: every row arrives in order, and rejects know their lines.
func TestLongBodies(t *testing.T) {
	server := start(t, httpapi.Options{})
	var body strings.Builder
	lines, good := 0, 0
	add := func(line string, ok bool) {
		body.WriteString(line + "\n")
		lines++
		good += btoi(ok)
	}
	var badAt []int
	bad := func(line string) {
		add(line, false)
		badAt = append(badAt, lines)
	}
	for body.Len() < 3<<20 {
		for range 1000 {
			add(strings.Replace(goodLine, `"p"`, fmt.Sprintf(`"p%d"`, good), 1), true)
		}
		add("", false)
		bad("nonsense")
	}
	bad(strings.Repeat("x", event.LineBytesMax+1))
	bad(strings.Repeat("y", 3*event.LineBytesMax))
	add(strings.Replace(goodLine, `"p"`, fmt.Sprintf(`"p%d"`, good), 1), true)
	bad("nonsense")

	for _, encoding := range []string{"identity", "gzip"} {
		content := []byte(body.String())
		if encoding == "gzip" {
			content = gzipped(t, text(body.String()))
		}
		resp, answer := server.do(t, "POST", events, bytes.NewReader(content), "Content-Encoding", encoding)
		require.Equal(t, http.StatusAccepted, resp.StatusCode, answer)
		require.Equal(t, fmt.Sprintf("{\"successful_rows\":%d,\"quarantined_rows\":%d}\n", good, len(badAt)), answer)
	}
	for _, batch := range server.store.batches {
		for i := range batch.Len() {
			if want := fmt.Sprintf("p%d", i); string(batch.IDs.At(i)) != want {
				t.Fatalf("row %d is %s", i, batch.IDs.At(i))
			}
		}
		var at []int
		for i := range batch.Rejects {
			at = append(at, batch.Rejects[i].Line)
			require.LessOrEqual(t, len(batch.Rejects[i].Raw), event.RawBytesMax+len(event.RawMarker))
		}
		require.Equal(t, badAt, at)
	}
}

func TestManyEmptyLines(t *testing.T) {
	server := start(t, httpapi.Options{})
	resp, answer := server.do(t, "POST", events, io.LimitReader(endless('\n'), 10_000_000))
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "{\"successful_rows\":0,\"quarantined_rows\":0}\n", answer)
}

// TestKeysHashWhatWasSent checks that a body is the same however it travels, and another under another name or format.
func TestKeysHashWhatWasSent(t *testing.T) {
	server := start(t, httpapi.Options{})
	f := func(target, encoding string, body []byte, headers ...string) (int, string) {
		t.Helper()
		resp, answer := server.do(t, "POST", target, bytes.NewReader(body), append(headers, "Content-Encoding", encoding)...)
		return resp.StatusCode, answer + resp.Header.Get("Idempotent-Replayed")
	}
	key := []string{"Idempotency-Key", "k"}
	status, first := f(events, "identity", []byte(workload.TutorialLines), key...)
	require.Equal(t, http.StatusAccepted, status)
	for _, again := range []struct {
		encoding string
		body     []byte
	}{{"identity", []byte(workload.TutorialLines)}, {"gzip", gzipped(t, text(workload.TutorialLines))}, {"zstd", zstded(t, text(workload.TutorialLines))}} {
		status, answer := f(events+"&wait=true", again.encoding, again.body, key...)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, first+"true", answer)
	}
	require.Len(t, server.store.batches, 1)
	status, _ = f(events, "identity", []byte(workload.TutorialLines+" "), key...)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	status, _ = f(events+"&format=json", "identity", []byte(goodLine), "Idempotency-Key", "j")
	require.Equal(t, http.StatusAccepted, status)
	status, _ = f(events, "identity", []byte(goodLine), "Idempotency-Key", "j")
	require.Equal(t, http.StatusUnprocessableEntity, status)
}

// TestRulesReachTheDecoder sends an event from beyond what the store takes.
func TestRulesReachTheDecoder(t *testing.T) {
	server := start(t, httpapi.Options{})
	line := strings.Replace(goodLine, "2025-04-26T17:55:44.123Z", now.Add(25*time.Hour).Format(time.RFC3339), 1)
	_, answer := server.do(t, "POST", events, strings.NewReader(line))
	require.Equal(t, "{\"successful_rows\":0,\"quarantined_rows\":1}\n", answer)
	require.Equal(t, event.CodeTooNew, server.store.batches[0].Rejects[0].Code)
}

// TestBusy fills the places for ingests and for queries: each kind is told to come back, the other goes on.
func TestBusy(t *testing.T) {
	const query = "/v0/pipes/model_performance_metrics.json"
	for kind, limits := range map[string]httpapi.Limits{"append": {IngestsMax: 1, AdmitTimeout: time.Millisecond}, "query": {QueriesMax: 1}} {
		t.Run(kind, func(t *testing.T) {
			server := start(t, httpapi.Options{Limits: limits})
			ask := map[string]func() (reply, string){
				"append": func() (reply, string) {
					return server.do(t, "POST", events+"&wait=true", strings.NewReader(goodLine))
				},
				"query": func() (reply, string) { return server.do(t, "GET", query, nil) },
			}
			server.store.hold(kind)
			var held sync.WaitGroup
			held.Go(func() {
				if resp, _ := ask[kind](); resp.StatusCode != http.StatusOK {
					t.Errorf("the first request got %d", resp.StatusCode)
				}
			})
			<-server.store.entered
			resp, body := ask[kind]()
			require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, body)
			requireRetryAfter(t, "1", resp.Header.Get("Retry-After"))
			require.Equal(t, "1", resp.Header.Get("X-RateLimit-Limit"))
			require.Equal(t, "0", resp.Header.Get("X-RateLimit-Remaining"))
			require.Equal(t, "1", resp.Header.Get("X-RateLimit-Reset"))
			for other, request := range ask {
				if other != kind {
					resp, _ := request()
					require.Equal(t, http.StatusOK, resp.StatusCode)
				}
			}
			server.store.gate <- struct{}{}
			held.Wait()
			server.store.hold("")
			resp, _ = ask[kind]()
			require.Equal(t, http.StatusOK, resp.StatusCode, "the place is free again")
			require.EqualValues(t, 1, scrape(t, server)[map[string]string{
				"append": "residual_http_ingests_full_total", "query": "residual_http_queries_full_total",
			}[kind]])
		})
	}
}

// TestQueriesDoNotStarveIngest lets queries fill every place that they may have, and stay: a body that is decoded on
// threads of its own is taken in beside them.
func TestQueriesDoNotStarveIngest(t *testing.T) {
	const queries = 64
	server := start(t, httpapi.Options{
		Limits: httpapi.Limits{QueriesMax: queries, IngestsMax: 1, AdmitTimeout: time.Millisecond},
	})
	server.store.hold("query")
	var held sync.WaitGroup
	for range queries {
		held.Go(func() {
			resp, body := server.do(t, "GET", "/v0/pipes/model_performance_metrics.json", nil)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("a query got %d: %s", resp.StatusCode, body)
			}
		})
	}
	for range queries {
		<-server.store.entered
	}
	resp, body := server.do(t, "POST", events, strings.NewReader(strings.Repeat(goodLine+"\n", 5000)))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	require.Equal(t, "{\"successful_rows\":5000,\"quarantined_rows\":0}\n", body)
	for range queries {
		server.store.gate <- struct{}{}
	}
	held.Wait()
}

// TestWaiting sends a request while another has the only place: it waits, and is taken in after it.
func TestWaiting(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{IngestsMax: 1, AdmitTimeout: time.Minute}})
	server.store.hold("append")
	var held sync.WaitGroup
	for range 2 {
		held.Go(func() {
			if resp, body := server.do(t, "POST", events, strings.NewReader(goodLine)); resp.StatusCode != http.StatusAccepted {
				t.Errorf("a request got %d: %s", resp.StatusCode, body)
			}
		})
	}
	<-server.store.entered
	require.Eventually(t, func() bool { return scrape(t, server)["residual_http_ingests_waiting"] == 1 }, time.Minute, time.Millisecond)
	require.EqualValues(t, 1, scrape(t, server)["residual_http_ingests"])
	server.store.gate <- struct{}{}
	<-server.store.entered
	server.store.gate <- struct{}{}
	held.Wait()
	require.Zero(t, scrape(t, server)["residual_http_ingests_full_total"])
}

// TestLateBodyHoldsNoPlace lets the only place be that of a client whose body does not come: another is taken in, and so
// is the first one once it is there.
func TestLateBodyHoldsNoPlace(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{IngestsMax: 1, AdmitTimeout: time.Minute}})
	late := dial(t, server.addr)
	answers := ask(t, late, len(goodLine))
	_, err := io.WriteString(late, goodLine[:1])
	require.NoError(t, err)
	resp, body := server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	_, err = io.WriteString(late, goodLine[1:])
	require.NoError(t, err)
	resp2, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.NoError(t, resp2.Body.Close())
	require.Equal(t, http.StatusAccepted, resp2.StatusCode)
	require.Eventually(t, func() bool { return scrape(t, server)["residual_http_ingests"] == 0 }, time.Minute, time.Millisecond)
}

// TestRetryAfterIsSpread holds that clients that are refused together are not told to come back together.
func TestRetryAfterIsSpread(t *testing.T) {
	server := start(t, httpapi.Options{})
	failing(engine.ErrNoSpace)(server.store)
	seen := map[string]bool{}
	for range 200 {
		resp, _ := server.do(t, "POST", events, strings.NewReader(goodLine))
		requireRetryAfter(t, "30", resp.Header.Get("Retry-After"))
		seen[resp.Header.Get("Retry-After")] = true
	}
	require.Greater(t, len(seen), 20, "of 31; fewer come up less than once in 10^20 runs")
}

// TestBytesInFlight holds one body half sent while another needs the room.
func TestBytesInFlight(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{BodyBytesMax: 1 << 20, InFlightBytesMax: 1 << 20}})
	server.store.hold("append")
	body := strings.Repeat(" ", 800<<10) + "\n" + goodLine
	var held sync.WaitGroup
	held.Go(func() {
		resp, _ := server.do(t, "POST", events, strings.NewReader(body))
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("the first request got %d", resp.StatusCode)
		}
	})
	<-server.store.entered
	for name, send := range map[string]func() (reply, string){
		"of a length": func() (reply, string) { return server.do(t, "POST", events, strings.NewReader(body)) },
		"in chunks":   func() (reply, string) { return server.do(t, "POST", events, io.MultiReader(strings.NewReader(body))) },
		"compressed": func() (reply, string) {
			return server.do(t, "POST", events, bytes.NewReader(gzipped(t, text(body))), "Content-Encoding", "gzip")
		},
		"a file": func() (reply, string) {
			return server.do(t, "POST", upload+"&format=ndjson", io.MultiReader(strings.NewReader(body)))
		},
	} {
		resp, answer := send()
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, name)
		requireRetryAfter(t, "1", resp.Header.Get("Retry-After"))
		require.Equal(t, "too many bytes are being taken in; send this request again", errorText(t, answer), name)
	}
	require.EqualValues(t, 4, scrape(t, server)["residual_http_bytes_full_total"])
	server.store.gate <- struct{}{}
	held.Wait()
	server.store.hold("")
	resp, _ := server.do(t, "POST", events, strings.NewReader(body))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, "the room is free again")
}

// TestFullHeap holds more memory than the server may have: events are refused, queries are not, and once it is let go
// events are taken again, though nothing but refusals makes the collector look.
func TestFullHeap(t *testing.T) {
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	const room = 32 << 20
	server := start(t, httpapi.Options{Limits: httpapi.Limits{HeapBytesMax: int64(live[0].Value.Uint64()) + room}})
	post := func() (reply, string) { return server.do(t, "POST", events, strings.NewReader(goodLine)) }
	resp, _ := post()
	require.Equal(t, http.StatusAccepted, resp.StatusCode)

	ballast := make([]byte, 2*room)
	runtime.GC()
	resp, answer := post()
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	requireRetryAfter(t, "1", resp.Header.Get("Retry-After"))
	require.Contains(t, errorText(t, answer), "memory is full")
	require.Positive(t, scrape(t, server)["residual_http_memory_full_total"])
	runtime.KeepAlive(ballast)

	require.Eventually(t, func() bool {
		resp, _ := post()
		return resp.StatusCode == http.StatusAccepted
	}, time.Minute, 50*time.Millisecond)
}

// TestShutdownLetsRequestsFinish ends a server under a request that the store holds, and under one that never ends.
func TestShutdownLetsRequestsFinish(t *testing.T) {
	server := start(t, httpapi.Options{})
	server.store.hold("append")
	var held sync.WaitGroup
	held.Go(func() {
		resp, answer := server.do(t, "POST", events+"&wait=true", strings.NewReader(goodLine))
		if resp.StatusCode != http.StatusOK {
			t.Errorf("the request got %d: %s", resp.StatusCode, answer)
		}
	})
	<-server.store.entered
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(t.Context()) }()
	server.store.gate <- struct{}{}
	require.NoError(t, <-stopped)
	held.Wait()
}

// TestServeAfterShutdown has Serve come to its listener when the server is shut down already: it takes the listener over all the same, and returns.
func TestServeAfterShutdown(t *testing.T) {
	server, err := httpapi.New(nil, httpapi.Options{})
	require.NoError(t, err)
	require.NoError(t, server.Shutdown(t.Context()))
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		_ = ln.Close()
		require.FailNow(t, "a server that was shut down goes on accepting")
	}
	_, err = ln.Accept()
	require.ErrorIs(t, err, fasthttputil.ErrInmemoryListenerClosed)
}

func TestShutdownCutsOffWhoDoesNotFinish(t *testing.T) {
	server := start(t, httpapi.Options{})
	conn := dial(t, server.addr)
	ask(t, conn, 100)
	keepOpen(t, server.addr)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, server.Shutdown(ctx), context.DeadlineExceeded)
	_, _ = io.ReadAll(conn) // reset or closed, but ended
}

// TestStartingServer asks a server whose store is not there yet.
func TestStartingServer(t *testing.T) {
	store := newFakeStore()
	server := startWith(t, nil, httpapi.Options{})
	resp, body := server.do(t, "GET", "/health", nil)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.JSONEq(t, `{"status":"starting","reason":"the log is being replayed","version":"dev"}`, body)
	resp, body = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	requireRetryAfter(t, "1", resp.Header.Get("Retry-After"))
	require.Contains(t, errorText(t, body), "the server is starting")
	resp, body = server.do(t, "GET", "/metrics", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NotContains(t, body, "residual_ready")

	server.Attach(store)
	resp, _ = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
}

// actualsStore is a store that takes actuals too.
type actualsStore struct {
	*fakeStore

	got []*event.Actuals
}

func (a *actualsStore) AppendActuals(_ context.Context, actuals *event.Actuals) (engine.Appended, error) {
	kept := new(event.Actuals)
	for i := range actuals.Len() {
		if err := kept.Add(actuals.Actual(i), event.Rules{}); err != nil {
			return engine.Appended{}, err
		}
	}
	kept.Rejects = append(kept.Rejects, actuals.Rejects...)
	a.got = append(a.got, kept)
	return engine.Appended{Successful: actuals.Len(), Quarantined: actuals.Rejected.Total()}, nil
}

func (a *actualsStore) AppendActualsOnce(ctx context.Context, actuals *event.Actuals, _ engine.Key) (engine.Appended, error) {
	done, err := a.AppendActuals(ctx, actuals)
	done.Duplicate = true
	return done, err
}

func (a *actualsStore) AppendFrom(ctx context.Context, batch *event.Batch, o engine.Origin) (engine.Appended, error) {
	a.change(func(f *fakeStore) { f.origins = append(f.origins, o.Source) })
	return a.Append(ctx, batch)
}

func (a *actualsStore) AppendOnceFrom(ctx context.Context, batch *event.Batch, key engine.Key, o engine.Origin) (engine.Appended, error) {
	a.change(func(f *fakeStore) { f.origins = append(f.origins, o.Source) })
	return a.AppendOnce(ctx, batch, key)
}

func (a *actualsStore) AppendActualsFrom(ctx context.Context, actuals *event.Actuals, o engine.Origin) (engine.Appended, error) {
	a.change(func(f *fakeStore) { f.origins = append(f.origins, o.Source) })
	return a.AppendActuals(ctx, actuals)
}

func (a *actualsStore) AppendActualsOnceFrom(ctx context.Context, actuals *event.Actuals, key engine.Key, o engine.Origin) (engine.Appended, error) {
	a.change(func(f *fakeStore) { f.origins = append(f.origins, o.Source) })
	return a.AppendActualsOnce(ctx, actuals, key)
}

func TestActuals(t *testing.T) {
	store := &actualsStore{fakeStore: newFakeStore()}
	server := startWith(t, store, httpapi.Options{})
	const target = "/v0/events?name=ml_model_actuals"
	lines := "{\"model_id\":\"m\",\"prediction_id\":\"p\",\"actual_value\":2.5}\n{\"model_id\":\"m\"}\n"
	resp, body := server.do(t, "POST", target, strings.NewReader(lines))
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "{\"successful_rows\":1,\"quarantined_rows\":1}\n", body)
	require.Equal(t, []float64{2.5}, store.got[0].Values)
	resp, _ = server.do(t, "POST", target, strings.NewReader(lines), "Idempotency-Key", "k")
	require.Equal(t, "true", resp.Header.Get("Idempotent-Replayed"))
	_, body = server.do(t, "GET", "/v0/datasources", nil)
	require.Contains(t, body, `"name":"ml_model_actuals"`)
	resp, _ = server.do(t, "GET", "/v0/pipes/ml_model_actuals_quarantine.json", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// TestEndlessLine sends as much as a body may have in one line, and a good one behind it: the long one costs itself alone,
// and no memory of its size.
func TestEndlessLine(t *testing.T) {
	server := start(t, httpapi.Options{})
	const long = 60 << 20
	send := func() (reply, string) {
		body := io.MultiReader(io.LimitReader(endless('x'), long), strings.NewReader("\n"+goodLine))
		return server.do(t, "POST", events, body)
	}
	resp, answer := send() // with buffers that later requests have again
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 2 {
		require.Equal(t, http.StatusAccepted, resp.StatusCode)
		require.Equal(t, "{\"successful_rows\":1,\"quarantined_rows\":1}\n", answer)
		resp, answer = send()
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(long/4))
	for _, batch := range server.store.batches {
		require.Equal(t, event.CodeLineTooLong, batch.Rejects[0].Code)
		require.Equal(t, 1, batch.Rejects[0].Line)
	}
}
