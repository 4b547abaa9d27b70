package source_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/residualdb/residual/source"
)

// TestKafkaFetchesNoMoreThanFits holds what is fetched while the store refuses to eight loads of 2 MiB, what waits for a place in them, and
// two answers of 2 MiB, of a topic that has three times as much.
func TestKafkaFetchesNoMoreThanFits(t *testing.T) {
	t.Parallel()
	const partitions, messages, size, mib = 8, 2000, 4 << 10, 1 << 20
	c := cluster(t, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	cl, s := client(t, c, kgo.ProducerBatchCompression(kgo.NoCompression())), newStore()
	var records []*kgo.Record
	for n := range partitions * messages {
		value := line(fmt.Sprint("row-", n))
		value = strings.Replace(value, `"{}"`, `"{\"text\":\"`+strings.Repeat("x", size-len(value)-len(`\"text\":\"\"`))+`\"}"`, 1)
		require.Len(t, value, size)
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(n % partitions), Value: []byte(value)})
	}
	var mu sync.Mutex
	asked := map[int32]int64{}
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				asked[p.Partition] = max(asked[p.Partition], p.FetchOffset)
			}
		}
		return false
	}})
	r := run(t, s, config(c))
	s.await(t, "where partitions begin", func() bool { return len(s.positions["model_predictions"]) == 1+partitions })
	s.mu.Lock()
	s.refuse = func() error { return errFull }
	s.mu.Unlock()
	require.NoError(t, cl.ProduceSync(t.Context(), records...).FirstErr())
	// The more often a lane has tried the longer it waits: by then what can be fetched is.
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Paused && s.Counts.Retries >= 24 })
	mu.Lock()
	bytes := int64(0)
	for _, offset := range asked {
		bytes += offset * size
	}
	mu.Unlock()
	require.Greater(t, bytes, int64(2*2*mib), "the loads of no lane are full")
	require.Less(t, bytes, int64((8*2+4/2+2*2)*mib))

	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	s.awaitRows(t, partitions*messages)
}
