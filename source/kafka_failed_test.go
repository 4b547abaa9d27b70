package source_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/residualdb/residual/source"
)

// TestKafkaFailedPartition has a partition fail while messages of it are read and not stored. It is read again behind what was read,
// as that is on its way to the store; the lag, and what the group is told, are by what is stored.
func TestKafkaFailedPartition(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic))
	cl, s := client(t, c), newStore()
	produce(t, cl, 0, lines("stored", 10)...)
	const read = 15
	var mu sync.Mutex
	var fails kmsg.Request
	var again []int64 // from where the partition was asked for after it had failed
	failed := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, When: func(r kmsg.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if offsets := offsetsOf(r); fails == nil && slices.Contains(offsets, read) {
			fails = r
		}
		return fails == r
	}}, kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if fails != nil && fails != r {
			again = append(again, offsetsOf(r)...)
		}
		return false
	}})
	r := run(t, s, config(c))
	s.awaitRows(t, 10)
	s.mu.Lock()
	s.refuse = func() error { return errFull }
	s.mu.Unlock()
	produce(t, cl, 0, lines("read", 5)...)
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(again) > 0 }, patience, time.Millisecond)
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Paused && s.Lag.Messages == 5 })
	looks := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Observe: true, Count: -1})
	require.NoError(t, looks.Wait(t.Context(), 20)) // after each look the group is told
	require.EqualValues(t, 10, c.GroupInfo("residual").Commits[topic][0].Offset)

	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	s.awaitRows(t, 15)
	produce(t, cl, 0, lines("after", 5)...)
	s.awaitRows(t, 20)
	awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Running && s.Lag.Messages == 0 })
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, failed.Hits())
	require.EqualValues(t, read, slices.Min(again))
}

// offsetsOf returns from where a request asks for partitions.
func offsetsOf(r kmsg.Request) (all []int64) {
	for _, topic := range r.(*kmsg.FetchRequest).Topics {
		for _, p := range topic.Partitions {
			all = append(all, p.FetchOffset)
		}
	}
	return all
}
