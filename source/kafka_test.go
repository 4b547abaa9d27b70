package source_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source"
	"github.com/residualdb/residual/source/internal/connector"
)

const topic = "predictions"

// cluster starts a cluster of Kafka in memory.
func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// client returns a client of a cluster.
func client(t *testing.T, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// produce sends messages to a partition and waits for the answer.
func produce(t *testing.T, cl *kgo.Client, partition int32, values ...string) {
	t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	require.NoError(t, cl.ProduceSync(t.Context(), records...).FirstErr())
}

// line is an event of an id.
func line(id string) string {
	return fmt.Sprintf(`{"timestamp":"2026-03-01 10:00:00","model_id":"m","prediction_id":%q,"features":"{}","predicted_value":1,"model_version":"v","environment":"e"}`, id)
}

// lines are events of ids that begin with a prefix.
func lines(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = line(fmt.Sprintf("%s-%d", prefix, i))
	}
	return all
}

// config is a data source of the topic.
func config(c *kfake.Cluster, change ...func(*source.Kafka)) source.Config {
	k := &source.Kafka{Servers: c.ListenAddrs(), Topic: topic, Group: "residual", Earliest: true, Look: 20 * time.Millisecond}
	for _, f := range change {
		f(k)
	}
	return source.Config{Name: "model_predictions", Mapping: mapping(), Kafka: k}
}

// run runs a connector until the end of the test.
func run(t *testing.T, sink source.Sink, configs ...source.Config) *source.Runner {
	t.Helper()
	r := source.NewRunner(sink, source.Options{RetryFirst: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond})
	t.Cleanup(r.Close)
	require.NoError(t, r.Apply(configs))
	return r
}

func latest(k *source.Kafka) { k.Earliest = false }

func TestKafkaReadsAllPartitions(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(5, topic))
	cl, s := client(t, c), newStore()
	for p := range int32(5) {
		produce(t, cl, p, lines(fmt.Sprint("before-", p), 10)...)
	}
	r := run(t, s, config(c))
	s.awaitRows(t, 50)
	for p := range int32(5) {
		produce(t, cl, p, lines(fmt.Sprint("after-", p), 10)...)
	}
	s.awaitRows(t, 100)
	got := awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Running && s.Lag.Messages == 0 })
	require.NoError(t, got.Err)
	require.Equal(t, uint64(100), got.Counts.Rows)
	require.Equal(t, "kafka", got.Kind)
	require.Zero(t, got.Lag.Seconds)

	// Those who look at the group see the same.
	require.Eventually(t, func() bool {
		g := c.GroupInfo("residual")
		if g == nil {
			return false
		}
		for p := range int32(5) {
			if g.Commits[topic][p].Offset != 20 {
				return false
			}
		}
		return true
	}, patience, 5*time.Millisecond)
	r.Close()
	require.Empty(t, r.Status())
}

// TestKafkaMessages holds each kind of message to what becomes of it.
func TestKafkaMessages(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic))
	cl, s := client(t, c, kgo.ProducerBatchMaxBytes(16<<20), kgo.BrokerMaxWriteBytes(64<<20)), newStore()
	long := `{"a":"` + strings.Repeat("x", event.LineBytesMax) + `"}`
	messages := []struct{ value, id, place string }{
		{line("plain"), "plain", ""},
		{"\x00\x00\x00\x00\x07" + line("registry"), "registry", ""},
		{"{\n  " + line("pretty")[1:len(line("pretty"))-1] + "\r\n}\n", "pretty", ""},
		{"\xEF\xBB\xBF" + line("mark"), "mark", ""},
		{"not json", "", "offset 4"},
		{"", "", "offset 5"},
		{line("torn")[:40], "", "offset 6"},
		{line("torn")[40:], "", "offset 7"},
		{"[" + line("element-1") + ",\n7," + line("element-2") + "]", "element-1", "offset 8, element 2"},
		{long, "", "offset 9"},
		{"[" + long + "]", "", "offset 10"},
		{line("two") + "\n" + line("two"), "", "offset 11"},
		{"\x00\x00\x00\x00\x07\x0agarbage", "", "offset 12"},
		{"[" + strings.Repeat("7,", 1500) + "7]", "", "offset 13, element 1"},
		{line("last"), "last", ""},
	}
	for _, m := range messages {
		produce(t, cl, 0, m.value)
	}
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("k")}).FirstErr()) // a null value
	r := run(t, s, config(c))
	s.awaitRows(t, 7)
	require.Equal(t, []string{"plain", "registry", "pretty", "mark", "element-1", "element-2", "last"}, s.order)
	var places []string
	for _, m := range messages {
		if m.place != "" {
			places = append(places, "topic predictions, partition 0, "+m.place)
		}
	}
	var got []string
	for i, x := range s.rejects {
		if strings.Contains(x.Place, "offset 13") && !strings.HasSuffix(x.Place, "element 1") {
			require.Equal(t, fmt.Sprintf("topic predictions, partition 0, offset 13, element %d", i-len(places)+2), x.Place)
			continue
		}
		got = append(got, x.Place)
		require.LessOrEqual(t, len(x.Raw), event.RawBytesMax+len(event.RawMarker))
	}
	require.Equal(t, places, got)
	require.Len(t, s.rejects, len(places)+999, "of one message 1,000 are kept")
	status := awaitStatus(t, r, func(s source.Status) bool { return s.Counts.Skipped == 1 && s.Lag.Messages == 0 })
	require.Equal(t, uint64(len(places)+1500), status.Counts.Rejects)
	require.Equal(t, source.Running, status.State)
}

// TestKafkaBeginsWhereItEnded holds restarts to no message lost and none twice, whatever the group says.
func TestKafkaBeginsWhereItEnded(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(2, topic))
	cl, s := client(t, c), newStore()
	n := 0
	for i := range 5 {
		for p := range int32(2) {
			produce(t, cl, p, lines(fmt.Sprint(i, "-", p), 20)...)
			n += 20
		}
		r := run(t, s, config(c))
		s.awaitRows(t, n)
		r.Close()
	}
}

// TestKafkaLatest holds `latest` to everything that came after the first look, also if nothing was read before a restart.
func TestKafkaLatest(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(2, topic))
	cl, s := client(t, c), newStore()
	produce(t, cl, 0, lines("old", 10)...)
	r := run(t, s, config(c, latest))
	s.await(t, "a pinned position", func() bool { return len(s.positions["model_predictions"]) == 3 })
	r.Close()
	produce(t, cl, 0, lines("new", 10)...)
	produce(t, cl, 1, lines("other", 10)...)
	run(t, s, config(c, latest))
	s.awaitRows(t, 20)
	require.Zero(t, s.rows["old-0"])
}

// TestKafkaTopicAppears holds a topic that did not exist, partitions that are added, and a topic that is made anew to their beginning.
func TestKafkaTopicAppears(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	cl, s := client(t, c, kgo.UnknownTopicRetries(-1)), newStore()
	r := run(t, s, config(c, latest))
	failing := awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Failing })
	require.ErrorContains(t, failing.Err, "UNKNOWN_TOPIC_OR_PARTITION")
	require.Contains(t, connector.Advice(failing.Err), "create the topic predictions")
	s.await(t, "a note that there is no topic", func() bool { return s.positions["model_predictions"][topic] == "absent" })
	r.Close()

	require.NoError(t, c.CreateTopic(topic, 1, nil))
	produce(t, cl, 0, lines("first", 10)...)
	r = run(t, s, config(c, latest))
	s.awaitRows(t, 10)
	grow(t, cl, 3)
	produce(t, client(t, c), 2, lines("grown", 10)...)
	s.awaitRows(t, 20)
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Running && s.Err == nil })

	require.NoError(t, c.DeleteTopic(topic))
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Failing })
	require.NoError(t, c.CreateTopic(topic, 2, nil))
	fresh := client(t, c)
	produce(t, fresh, 0, lines("anew", 5)...)
	s.awaitRows(t, 25)
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Running })
	require.Len(t, s.Positions("model_predictions"), 3, "the partition that there is not any more is forgotten")
	require.ErrorContains(t, statusOf(t, r).LastErr, "deleted and made anew")
}

// TestKafkaLosesHistory holds positions out of range to the first message there is, and to a count of those that are gone.
func TestKafkaLosesHistory(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic))
	cl, s := client(t, c), newStore()
	produce(t, cl, 0, lines("a", 10)...)
	r := run(t, s, config(c))
	s.awaitRows(t, 10)

	// While it runs, and is held up by the store.
	s.mu.Lock()
	s.refuse = func() error { return errFull }
	s.mu.Unlock()
	produce(t, cl, 0, lines("held", 1)...)
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Paused })
	r.Close()
	produce(t, cl, 0, lines("gone", 10)...)
	require.NoError(t, c.DeleteRecords(topic, 0, 21))
	produce(t, cl, 0, lines("left", 10)...)
	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	r = run(t, s, config(c))
	s.awaitRows(t, 20)
	got := awaitStatus(t, r, func(s source.Status) bool { return s.Counts.Lost > 0 && s.Lag.Messages == 0 })
	require.Equal(t, uint64(11), got.Counts.Lost)
	require.ErrorContains(t, got.LastErr, "11 messages from offset 10 on")
	require.Equal(t, source.Running, got.State)
}

// grow gives the topic more partitions.
func grow(t *testing.T, cl *kgo.Client, partitions int) {
	t.Helper()
	_, err := admin(cl).UpdatePartitions(context.Background(), partitions, topic)
	require.NoError(t, err)
}

func admin(cl *kgo.Client) *kadm.Client { return kadm.NewClient(cl) }

// errFull is what a store refuses with whose memory is full.
var errFull = fmt.Errorf("%w, says the test", engine.ErrFull)

// TestKafkaCompacted holds a topic with gaps and null values to the messages that it has, and to no lag.
func TestKafkaCompacted(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	require.NoError(t, c.CreateTopic(topic, 1, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "1",
		"delete.retention.ms": "86400000",
	}))
	cl, s := client(t, c), newStore()
	for i := range 30 {
		record := &kgo.Record{Topic: topic, Key: fmt.Append(nil, i%10), Value: []byte(line(fmt.Sprint("row-", i)))}
		if i%10 == 9 {
			record.Value = nil
		}
		require.NoError(t, cl.ProduceSync(t.Context(), record).FirstErr())
	}
	c.Compact()
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("last"), Value: []byte(line("last"))}).FirstErr())
	r := run(t, s, config(c))
	s.await(t, "the last row", func() bool { return s.rows["last"] == 1 })
	got := awaitStatus(t, r, func(s source.Status) bool { return s.Lag.Messages == 0 })
	require.Less(t, len(s.rows), 28, "nothing was compacted")
	require.Equal(t, uint64(len(s.rows)), got.Counts.Rows)
	require.Positive(t, got.Counts.Skipped)
	require.Zero(t, got.Counts.Rejects)
	require.Zero(t, got.Counts.Lost)
}

// TestKafkaForgets holds a partition whose new leader lacks messages that were read to where the epochs of its leaders say that its
// history parts.
func TestKafkaForgets(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic))
	s := newStore()
	produce(t, client(t, c), 0, lines("kept", 6)...)
	r := run(t, s, config(c))
	s.awaitRows(t, 6)
	r.Close()
	s.positions["model_predictions"][topic+"/0"] = "10 epoch 0" // four more were read of the first leader
	require.NoError(t, c.MoveTopicPartition(topic, 0, (c.LeaderFor(topic, 0)+1)%3))
	produce(t, client(t, c), 0, lines("instead", 4)...)
	produce(t, client(t, c), 0, lines("after", 4)...)
	r = run(t, s, config(c))
	s.awaitRows(t, 14)
	got := awaitStatus(t, r, func(s source.Status) bool { return s.LastErr != nil && s.State == source.Running })
	require.ErrorContains(t, got.LastErr, "forgotten messages from offset 6 on")
}

// TestApplyChanges holds Apply to what changed: connectors that are as they were go on, others begin or end.
func TestApplyChanges(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic, "other"))
	cl, s := client(t, c), newStore()
	produce(t, cl, 0, lines("a", 10)...)
	a, b := config(c), config(c, func(k *source.Kafka) { k.Topic = "other" })
	b.Name = "other_predictions"
	r := run(t, s, a, b)
	s.awaitRows(t, 10)
	counts := func() map[string]uint64 {
		rows := map[string]uint64{}
		for _, status := range r.Status() {
			rows[status.Name] = status.Counts.Rows
		}
		return rows
	}
	awaitCounts := func(want map[string]uint64) {
		require.Eventually(t, func() bool { return maps.Equal(want, counts()) }, patience, time.Millisecond)
	}
	awaitCounts(map[string]uint64{a.Name: 10, b.Name: 0})
	require.NoError(t, r.Apply([]source.Config{config(c)})) // the same by value
	awaitCounts(map[string]uint64{a.Name: 10})
	require.Error(t, r.Apply([]source.Config{{Name: "x"}}))
	awaitCounts(map[string]uint64{a.Name: 10})
	require.NoError(t, r.Apply([]source.Config{config(c, func(k *source.Kafka) { k.Group = "another" })}))
	require.Zero(t, r.Status()[0].LastStored, "it is another one, that goes on where the one before was")
	awaitCounts(map[string]uint64{a.Name: 10})
	produce(t, cl, 0, lines("b", 5)...)
	s.awaitRows(t, 15)
	awaitCounts(map[string]uint64{a.Name: 15})
	require.NoError(t, r.Apply(nil))
	require.NoError(t, r.Apply([]source.Config{config(c)}))
	awaitCounts(map[string]uint64{a.Name: 15})
}
