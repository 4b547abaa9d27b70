package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
	"github.com/residualdb/residual/source"
)

const (
	kafkaTopic      = "predictions"
	kafkaPartitions = 4
	// kafkaRows are loaded both ways, postRows of them in a request.
	kafkaRows, postRows = 1_000_000, 10_000
)

// BenchmarkKafka loads the same events over HTTP, from clients that send requests of 10,000, and from a topic of four partitions that is
// full of them, in turns. Clients, broker, server and checkpoints share the processors. It reports the rate of both and their ratio.
func BenchmarkKafka(b *testing.B) {
	lines := kafkaLines(kafkaRows)
	for _, codec := range []struct {
		name string
		kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"lz4", kgo.Lz4Compression()}} {
		b.Run("compression="+codec.name, func(b *testing.B) {
			cluster := fullTopic(b, lines, codec.CompressionCodec)
			var overHTTP, fromKafka, cpuHTTP, cpuKafka time.Duration
			for b.Loop() {
				began := processorTime()
				overHTTP += loadOverHTTP(b, lines)
				between := processorTime()
				fromKafka += loadFromKafka(b, cluster, len(lines))
				cpuHTTP, cpuKafka = cpuHTTP+between-began, cpuKafka+processorTime()-between
			}
			rows := float64(len(lines) * b.N)
			b.ReportMetric(float64(cpuHTTP)/rows, "http-cpu-ns/row")
			b.ReportMetric(float64(cpuKafka)/rows, "kafka-cpu-ns/row")
			b.ReportMetric(rows/overHTTP.Seconds(), "http-rows/s")
			b.ReportMetric(rows/fromKafka.Seconds(), "kafka-rows/s")
			b.ReportMetric(overHTTP.Seconds()/fromKafka.Seconds(), "kafka/http")
		})
	}
}

// processorTime is how long processors have worked for this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// kafkaLines are events of the last day.
func kafkaLines(rows int64) [][]byte {
	now := time.Now().UTC()
	g := workload.New(workload.Options{Seed: 1, Rows: rows, From: now.Add(-24 * time.Hour), To: now, LateShare: 0.02, LateBy: time.Hour})
	var all [][]byte
	for {
		line, more := g.AppendNDJSON(nil)
		if !more {
			return all
		}
		all = append(all, bytes.TrimSuffix(line, []byte("\n")))
	}
}

// fullTopic returns a cluster with a topic of the lines, each model in a partition of its own.
func fullTopic(b *testing.B, lines [][]byte, codec kgo.CompressionCodec) *kfake.Cluster {
	b.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(kafkaPartitions, kafkaTopic))
	require.NoError(b, err)
	b.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(kafkaTopic),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(20*time.Millisecond))
	require.NoError(b, err)
	defer cl.Close()
	for _, line := range lines {
		key := modelOf(line)
		cl.Produce(b.Context(), &kgo.Record{Key: key, Value: line}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	require.NoError(b, cl.Flush(b.Context()))
	return c
}

func modelOf(line []byte) []byte {
	_, rest, _ := bytes.Cut(line, []byte(`"model_id": "`))
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return name
}

// loadOverHTTP loads the lines into a new store.
func loadOverHTTP(b *testing.B, lines [][]byte) time.Duration {
	b.Helper()
	db, address, stop := serve(b)
	defer stop()
	posts := make(chan []byte, len(lines)/postRows+1)
	for chunk := range slices.Chunk(lines, postRows) {
		posts <- append(bytes.Join(chunk, []byte("\n")), '\n')
	}
	close(posts)
	begin := time.Now()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &fasthttp.Client{}
			request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			request.SetRequestURI("http://" + address + "/v0/events?name=" + engine.SourcePredictions)
			request.Header.SetMethod("POST")
			for body := range posts {
				request.SetBodyRaw(body)
				if err := client.Do(request, response); err != nil || response.StatusCode() != 202 {
					b.Errorf("%v %s", err, response.Body())
				}
			}
		})
	}
	clients.Wait()
	took := time.Since(begin)
	require.Equal(b, len(lines), rowsOf(b, db))
	return took
}

// loadFromKafka loads a topic into a new store that is served.
func loadFromKafka(b *testing.B, c *kfake.Cluster, rows int) time.Duration {
	b.Helper()
	db, _, stop := serve(b)
	defer stop()
	begin := time.Now()
	r := read(b, db, c)
	defer r.Close()
	for r.Status()[0].Counts.Rows < uint64(rows) {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(begin)
	require.Equal(b, rows, rowsOf(b, db))
	return took
}

// read reads the topic into a store.
func read(b *testing.B, db *engine.DB, c *kfake.Cluster) *source.Runner {
	b.Helper()
	r := source.NewRunner(db, source.Options{})
	var mapping event.Mapping
	all, _ := mapping.ColumnNames()
	for _, name := range all {
		mapping.Columns = append(mapping.Columns, event.MappedColumn{Name: name, Path: []string{name}})
	}
	require.NoError(b, r.Apply([]source.Config{{
		Name: "model_predictions", Mapping: mapping, Kafka: &source.Kafka{Servers: c.ListenAddrs(), Topic: kafkaTopic, Group: "residual", Earliest: true},
	}}))
	return r
}

// serve serves a new store.
func serve(b *testing.B) (db *engine.DB, address string, stop func()) {
	b.Helper()
	db, err := engine.Open(b.TempDir(), engine.Options{})
	require.NoError(b, err)
	server, err := httpapi.New(db, httpapi.Options{})
	require.NoError(b, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return db, ln.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(b, server.Shutdown(ctx))
		require.NoError(b, <-served)
		require.NoError(b, db.Close())
	}
}

func rowsOf(b *testing.B, db *engine.DB) int {
	b.Helper()
	n := 0
	q := engine.RowsQuery{Model: engine.All, Version: engine.All, Environment: engine.All, From: time.Unix(0, 0), To: time.Now().Add(time.Hour), Columns: engine.IDColumn}
	_, err := db.EachRows(b.Context(), q, func(batch *engine.RowBatch) bool { n += len(batch.Times); return true })
	require.NoError(b, err)
	return n
}

// BenchmarkKafkaQuiet sends one event at a time to a topic where nothing else happens, and asks over HTTP until the answer has it. It
// reports the time from the one to the other.
func BenchmarkKafkaQuiet(b *testing.B) {
	c := fullTopic(b, nil, kgo.NoCompression())
	db, address, stop := serve(b)
	defer stop()
	r := read(b, db, c)
	defer r.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic(kafkaTopic), kgo.ProducerLinger(0))
	require.NoError(b, err)
	defer cl.Close()
	lines := kafkaLines(100_000)
	var times latencies
	asked := "http://" + address + "/v0/pipes/predictions.json?model_id=*&environment=*&model_version=*&time_window=48&prediction_id="
	for n := 0; b.Loop(); n++ {
		line := lines[n%len(lines)]
		_, id, _ := strings.Cut(string(line), `"prediction_id": "`)
		id, _, _ = strings.Cut(id, `"`)
		times.start()
		require.NoError(b, cl.ProduceSync(b.Context(), &kgo.Record{Value: line}).FirstErr())
		for {
			status, body, err := fasthttp.Get(nil, asked+id)
			if err != nil || status != 200 {
				b.Fatal(err, status, string(body))
			}
			if bytes.Contains(body, []byte(fmt.Sprintf("%q", id))) {
				break
			}
		}
		times.stop()
	}
	times.report(b)
}
