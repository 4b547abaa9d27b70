package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

// instantStore answers at once, so that what is measured is the server.
type instantStore struct{ *fakeStore }

func (instantStore) Append(_ context.Context, b *event.Batch) (engine.Appended, error) {
	return engine.Appended{Successful: b.Len()}, nil
}

func (s instantStore) AppendOnce(ctx context.Context, b *event.Batch, _ engine.Key) (engine.Appended, error) {
	return s.Append(ctx, b)
}

func (instantStore) Rules() event.Rules { return event.Rules{} }

func (instantStore) Metrics(context.Context, engine.MetricsQuery) (engine.MetricsResult, error) {
	return engine.MetricsResult{Rows: metricsRows[:1]}, nil
}

// serveInstant serves an instantStore on loopback and returns a client with one connection.
func serveInstant(b *testing.B) (*fasthttp.HostClient, string) {
	b.Helper()
	server, err := httpapi.New(instantStore{newFakeStore()}, httpapi.Options{})
	require.NoError(b, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(b, server.Shutdown(ctx))
		require.NoError(b, <-served)
	})
	addr := ln.Addr().String()
	client := &fasthttp.HostClient{Addr: addr, Dial: func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }}
	b.Cleanup(client.CloseIdleConnections)
	return client, "http://" + addr
}

// BenchmarkQuery is one query after the other on one connection: both ends of it and the kernel between.
func BenchmarkQuery(b *testing.B) {
	for _, extension := range []string{"json", "csv", "prometheus"} {
		b.Run("format="+extension, func(b *testing.B) {
			client, url := serveInstant(b)
			var req fasthttp.Request
			var resp fasthttp.Response
			req.SetRequestURI(url + "/v0/pipes/model_performance_metrics." + extension + "?model_id=price_prediction_model&model_version=v1.2.3&environment=production&time_window=48")
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Do(&req, &resp); err != nil || resp.StatusCode() != fasthttp.StatusOK {
					b.Fatal(err, resp.StatusCode())
				}
			}
		})
	}
}

// BenchmarkEvents is one request of NDJSON after the other, decoded but not stored.
func BenchmarkEvents(b *testing.B) {
	generator := workload.New(workload.Options{Seed: 1, Rows: 20_000})
	var body []byte
	rows := 0
	for {
		next, ok := generator.AppendNDJSON(body)
		if !ok {
			break
		}
		body = next
		rows++
	}
	for _, key := range []bool{false, true} {
		b.Run(fmt.Sprintf("rows=%d/key=%t", rows, key), func(b *testing.B) {
			client, url := serveInstant(b)
			var req fasthttp.Request
			var resp fasthttp.Response
			req.SetRequestURI(url + events)
			req.Header.SetMethod(fasthttp.MethodPost)
			req.SetBodyRaw(bytes.Clone(body))
			if key {
				req.Header.Set("Idempotency-Key", "k")
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Do(&req, &resp); err != nil || resp.StatusCode() != fasthttp.StatusAccepted {
					b.Fatal(err, resp.StatusCode(), string(resp.Body()))
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
