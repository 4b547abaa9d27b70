package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkLoad asks a server with a store of 200,000 rows for the last day of a model, on loopback, from clients that
// each wait for an answer before they ask again. Server and clients share the processors; the clients do little more
// than write and read bytes.
func BenchmarkLoad(b *testing.B) {
	db, end := loadedStore(b, 200_000)
	server, err := httpapi.New(db, httpapi.Options{})
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
	query := "/v0/pipes/model_performance_metrics.json?model_id=model_1&as_of=" + end.Format("2006-01-02T15:04:05Z")
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkLoad(b, ln.Addr().String(), query, clients) })
	}
}

// loadedStore returns a store of generated rows, sealed, and the end of their time.
func loadedStore(b *testing.B, rows int64) (*engine.DB, time.Time) {
	b.Helper()
	db, err := engine.Open(b.TempDir(), engine.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	g := workload.New(workload.Options{Seed: 1, Rows: rows, LateShare: 0.02})
	var batch event.Batch
	var e event.Event
	for more := true; more; {
		batch.Reset()
		for batch.Len() < 10_000 {
			if more = g.Next(&e); !more {
				break
			}
			require.NoError(b, batch.Add(e, db.Rules()))
		}
		_, err := db.Append(b.Context(), &batch)
		require.NoError(b, err)
	}
	require.NoError(b, db.Checkpoint(b.Context()))
	return db, g.Options().To
}

func benchmarkLoad(b *testing.B, addr, query string, clients int) {
	b.Helper()
	questions := make(chan int)
	nanos := make([][]int64, clients)
	var done sync.WaitGroup
	for i := range clients {
		conn, err := net.Dial("tcp", addr)
		require.NoError(b, err)
		done.Go(func() {
			defer func() { _ = conn.Close() }()
			request := []byte("GET " + query + " HTTP/1.1\r\nHost: " + addr + "\r\n\r\n")
			in := bufio.NewReader(conn)
			var header fasthttp.ResponseHeader
			for n := range questions {
				for range n {
					begin := time.Now()
					if _, err := conn.Write(request); err != nil {
						b.Error(err)
						return
					}
					if err := header.Read(in); err != nil || header.StatusCode() != fasthttp.StatusOK {
						b.Error(err, header.StatusCode())
						return
					}
					if _, err := io.CopyN(io.Discard, in, int64(header.ContentLength())); err != nil {
						b.Error(err)
						return
					}
					nanos[i] = append(nanos[i], int64(time.Since(begin)))
				}
			}
		})
	}
	b.ResetTimer()
	const most = 100 // questions handed to a client at once
	for left := b.N; left > 0; left -= most {
		questions <- min(left, most)
	}
	close(questions)
	done.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(nanos...)))
	require.Len(b, all, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
	b.ReportMetric(float64(all[len(all)/2])/1e3, "p50-us")
	b.ReportMetric(float64(all[len(all)*99/100])/1e3, "p99-us")
}
