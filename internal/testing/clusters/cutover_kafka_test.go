package clusters_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/event"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
	"github.com/residualdb/residual/source"
)

// What the topic of a cut-over has: partitions, and rows of which some are sent again and again.
const topicName, topicParts, topicIDs = "predictions", 3, 400

// topic is one that is written to, in the memory of the test.
type topic struct {
	*rand.Rand
	cluster *kfake.Cluster
	client  *kgo.Client
	// ends are the offsets behind the last message of each partition, by the names of positions.
	ends map[string]int64
}

func newTopic(t *testing.T) *topic {
	t.Helper()
	c, err := kfake.NewCluster(kfake.SeedTopics(topicParts, topicName))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return &topic{random.Rand(t), c, cl, map[string]int64{}}
}

// produce sends n rows, many of which were sent before with other numbers: those of one id are in one partition.
func (p *topic) produce(t *testing.T, n int) {
	t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		id := p.IntN(topicIDs)
		row := fmt.Sprintf(`{"timestamp":"2026-01-15 %02d:00:00","model_id":"m%d","model_version":"v1","environment":"production","prediction_id":"%d","features":"{}","predicted_value":%d,"actual_value":%d}`,
			id%12, id%8, id, p.IntN(1000), p.IntN(1000))
		records[i] = &kgo.Record{Topic: topicName, Key: fmt.Append(nil, id), Value: []byte(row)}
	}
	require.NoError(t, p.client.ProduceSync(t.Context(), records...).FirstErr())
	for _, r := range records {
		p.ends[fmt.Sprintf("%s/%d", topicName, r.Partition)] = r.Offset + 1
	}
}

// read runs a connector of a store until the test ends, and returns what waits until it has read all that there is.
func (p *topic) read(t *testing.T, into source.Sink, group string) (caughtUp func()) {
	t.Helper()
	var m event.Mapping
	columns, _ := m.ColumnNames()
	for _, name := range columns {
		m.Columns = append(m.Columns, event.MappedColumn{Name: name, Path: []string{name}})
	}
	runner := source.NewRunner(into, source.Options{})
	t.Cleanup(runner.Close)
	kafka := &source.Kafka{Servers: p.cluster.ListenAddrs(), Topic: topicName, Group: group, Earliest: true, Look: 20 * time.Millisecond}
	require.NoError(t, runner.Apply([]source.Config{{Name: "model_predictions", Mapping: m, Kafka: kafka}}))
	return func() {
		t.Helper()
		eventually(t, group+" has not read all", func() bool {
			read := into.Positions("model_predictions")
			for part, end := range p.ends {
				if offset, _, _ := strings.Cut(read[part], " "); offset != strconv.FormatInt(end, 10) {
					return false
				}
			}
			return true
		})
	}
}

// TestCutOverOfATopic moves from an engine to a cluster while both are fed by a topic, which has lost its beginning: the cluster gets the
// rows of the engine first, and reads the topic after it.
func TestCutOverOfATopic(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	binary, p := build(t), newTopic(t)
	db := newEngine(t)
	store := openStore(t, makeTables(t, c, clickhouse.Options{Now: storetest.Now, BatchWait: time.Millisecond}))
	old, there := serve(t, db, storetest.Now), serve(t, store, storetest.Now)
	p.produce(t, 1000)
	oldHas := p.read(t, db, "old")
	oldHas()
	for i := range topicParts {
		require.NoError(t, p.cluster.DeleteRecords(topicName, int32(i), p.ends[fmt.Sprintf("%s/%d", topicName, i)]/2))
	}

	file := filepath.Join(t.TempDir(), "rows.ndjson.zst")
	for _, args := range [][]string{{"export", "--server", old.url, file}, {"ingest", "--server", there.url, file}} {
		p.produce(t, 300)
		out, err := exec.Command(binary, args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	p.produce(t, 300)
	thereHas := p.read(t, store, "new")
	p.produce(t, 300)
	oldHas()
	thereHas()
	t.Logf("%d rows, 0 lost, 0 twice", requireSameRows(t, old, there))
}
