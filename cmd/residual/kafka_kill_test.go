package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var kafkaKillsFlag = flag.Int("kill.kafka", 6, "how often TestKillKafka kills the server")

const (
	killTopic      = "predictions"
	killPartitions = 4
)

// TestKillKafka kills a server that reads a topic, time and again at any moment, while messages are sent and the cluster fails now and
// then. In the end each message is a row, and none was stored twice.
func TestKillKafka(t *testing.T) {
	t.Logf("replay with -kill.seed=%d -kill.kafka=%d", *killSeedFlag, *kafkaKillsFlag)
	rng := rand.New(rand.NewPCG(*killSeedFlag, 7))
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(killPartitions, killTopic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	dir, binary := t.TempDir(), build(t)
	load := startKafkaLoad(t, cluster.ListenAddrs(), 2000)
	r := newKafkaReader(t, binary, dir, "a", cluster.ListenAddrs())
	faults := []*kerr.Error{kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.OffsetNotAvailable, kerr.UnknownServerError}
	for range *kafkaKillsFlag {
		r.start(t)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: faults[rng.IntN(len(faults))], Count: 1 + rng.IntN(3)})
		if rng.IntN(2) == 0 {
			cluster.ShufflePartitionLeaders()
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond) // at any moment
		r.kill(t)
	}
	sent := load.stop(t)
	r.start(t)
	r.await(t, len(sent))
	require.Equal(t, sent, r.ids(t))
	r.kill(t)
	t.Logf("%d kills, %d messages, 0 lost, 0 twice", *kafkaKillsFlag, len(sent))
}

// kafkaLoad sends messages without an end, each of which is acknowledged some time.
type kafkaLoad struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   sync.WaitGroup
	failed atomic.Pointer[error]
	sent   int
}

// startKafkaLoad begins to send so many messages a second.
func startKafkaLoad(t *testing.T, servers []string, perSecond int) *kafkaLoad {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(servers...), kgo.DefaultProduceTopic(killTopic), kgo.ProducerLinger(5*time.Millisecond),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.MaxBufferedRecords(100_000), kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryTimeout(10*time.Minute), kgo.RecordDeliveryTimeout(10*time.Minute), kgo.UnknownTopicRetries(-1))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	ctx, cancel := context.WithCancel(context.Background())
	l := &kafkaLoad{client: client, cancel: cancel}
	l.done.Go(func() {
		const tick = 10 * time.Millisecond
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for range perSecond / int(time.Second/tick) {
				client.Produce(context.Background(), &kgo.Record{Value: []byte(killLine(l.sent))}, func(_ *kgo.Record, err error) {
					if err != nil {
						l.failed.Store(&err)
					}
				})
				l.sent++
			}
		}
	})
	return l
}

// stop ends the load, and returns the ids of all messages, sorted, once all are acknowledged.
func (l *kafkaLoad) stop(t *testing.T) []string {
	t.Helper()
	l.cancel()
	l.done.Wait()
	require.NoError(t, l.client.Flush(t.Context()))
	if err := l.failed.Load(); err != nil {
		require.NoError(t, *err)
	}
	ids := make([]string, l.sent)
	for i := range ids {
		ids[i] = killID(i)
	}
	slices.Sort(ids)
	return ids
}

func killID(n int) string { return fmt.Sprintf("id-%08d", n) }

func killLine(n int) string {
	at := time.UnixMilli(1_772_000_000_000 + int64(n)*37).UTC().Format("2006-01-02 15:04:05.000")
	return fmt.Sprintf(`{"timestamp":%q,"model_id":"m%d","prediction_id":%q,"features":"{\"n\":%d}","predicted_value":%d.25,"actual_value":%d.%d,"model_version":"v1","environment":"production"}`,
		at, n%7, killID(n), n, n%1000, n%997, n%10)
}

// kafkaReader is a server that reads the topic.
type kafkaReader struct {
	binary, dir, project string
	process              *serving
}

// newKafkaReader makes the project of a server that reads the topic for a group.
func newKafkaReader(t *testing.T, binary, dir, group string, servers []string) *kafkaReader {
	t.Helper()
	r := &kafkaReader{binary: binary, dir: filepath.Join(dir, "data-"+group), project: filepath.Join(dir, "project-"+group)}
	require.NoError(t, os.MkdirAll(r.project, 0o755))
	for name, text := range map[string]string{
		"broker.connection": "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS " + strings.Join(servers, ",") + "\n",
		"model_predictions.datasource": `SCHEMA >
    timestamp DateTime64(3),
    model_id String,
    prediction_id String,
    features String,
    predicted_value Float64,
    actual_value Nullable(Float64),
    model_version String,
    environment String

KAFKA_CONNECTION_NAME broker
KAFKA_TOPIC ` + killTopic + `
KAFKA_GROUP_ID ` + group + `
KAFKA_AUTO_OFFSET_RESET earliest
`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(r.project, name), []byte(text), 0o600))
	}
	return r
}

func (r *kafkaReader) start(t *testing.T) {
	t.Helper()
	r.process = startProcess(t, r.binary, r.dir, "--project", r.project, "--checkpoint-bytes", "1MiB", "--log-level", "error")
}

// kill kills the server, which has stored no row twice since it was started.
func (r *kafkaReader) kill(t *testing.T) {
	t.Helper()
	require.Zero(t, sample(t, r.process.address, "residual_rows_replaced_total"), "rows were stored twice")
	require.NoError(t, r.process.cmd.Process.Kill())
	r.process.exit(t)
}

// await waits until the server has so many rows.
func (r *kafkaReader) await(t *testing.T, rows int) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); r.count(t) < rows; time.Sleep(50 * time.Millisecond) {
		require.True(t, time.Now().Before(until), "%d of %d rows; %s", r.count(t), rows, get(t, r.process.address+"/metrics"))
	}
}

func (r *kafkaReader) count(t *testing.T) int {
	t.Helper()
	return countRows(t, r.process.address)
}

// rows returns all rows that the server has, sorted.
func (r *kafkaReader) rows(t *testing.T) []string {
	t.Helper()
	text := get(t, r.process.address+"/v0/pipes/predictions.ndjson?model_id=*&environment=*&model_version=*&limit=0&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z")
	all := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(all)
	return all
}

// ids returns the ids of all rows that the server has, sorted.
func (r *kafkaReader) ids(t *testing.T) []string {
	t.Helper()
	rows := r.rows(t)
	for i, row := range rows {
		_, rest, _ := strings.Cut(row, `"prediction_id":"`)
		rows[i], _, _ = strings.Cut(rest, `"`)
	}
	slices.Sort(rows)
	return rows
}
