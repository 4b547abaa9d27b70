package source_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/source"
)

// TestKafkaSchedules holds the connector to what was produced: every message is one row, whatever happened to the cluster, to its
// connections, and to the store's process and disk, in any order. Rows that are stored twice are kept, so that they show.
func TestKafkaSchedules(t *testing.T) {
	t.Parallel()
	r := random.Rand(t)
	for i := range random.Rounds(4) {
		seed := r.Uint64()
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			s := newSchedule(t, rand.New(rand.NewPCG(seed, 1)))
			for range 40 {
				s.step()
			}
			s.settle()
		})
	}
}

// schedule is a cluster, a store that reads from it, and what the store must have in the end.
type schedule struct {
	t       *testing.T
	r       *rand.Rand
	cluster *kfake.Cluster
	client  *kgo.Client
	// partitions is how many the topic has, produced the ids of the messages that must be rows, and rejected how many must not.
	partitions int
	produced   map[string]bool
	rejected   int
	faults     []*kfake.FaultHandle // of fetches
	looks      []*kfake.FaultHandle // of what producers ask too
	cut        *atomic.Bool         // connections are cut while it is set

	disk   *simdisk.Disk
	db     *engine.DB
	full   *atomic.Bool // the store refuses while it is set
	runner *source.Runner
}

func newSchedule(t *testing.T, r *rand.Rand) *schedule {
	t.Helper()
	s := &schedule{
		t: t, r: r, partitions: 1 + r.IntN(4), produced: map[string]bool{}, cut: new(atomic.Bool), full: new(atomic.Bool),
		disk: simdisk.New(simdisk.Options{}),
	}
	s.cluster = cluster(t, kfake.SeedTopics(int32(s.partitions), topic))
	cut := s.cut
	s.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		s.cluster.KeepControl()
		return nil, errors.New("cut"), cut.Load()
	})
	s.open()
	t.Cleanup(func() {
		s.runner.Close()
		require.NoError(t, s.db.Close())
	})
	return s
}

// open opens the store as it is on the disk, and reads on.
func (s *schedule) open() {
	var err error
	s.db, err = engine.Open("/", engine.Options{FS: s.disk, Duplicates: engine.DuplicatesKeep})
	require.NoError(s.t, err)
	s.start()
}

func (s *schedule) start() {
	full := s.full
	s.runner = source.NewRunner(s.db, source.Options{
		RetryFirst: time.Millisecond, RetryMax: 20 * time.Millisecond,
		Refusal: func() error {
			if full.Load() {
				return engine.ErrFull
			}
			return nil
		},
	})
	require.NoError(s.t, s.runner.Apply([]source.Config{config(s.cluster)}))
}

// fetchErrors are what servers answer to a fetch while something is about to change, and what they should not.
var fetchErrors = []*kerr.Error{
	kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.LeaderNotAvailable, kerr.KafkaStorageError,
	kerr.OffsetNotAvailable, kerr.UnknownServerError, kerr.UnknownTopicOrPartition, kerr.OffsetOutOfRange, kerr.CorruptMessage,
	kerr.UnknownTopicID, kerr.TopicAuthorizationFailed,
}

// lookErrors are what servers answer to questions about the topic.
var lookErrors = []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.UnknownServerError, kerr.RequestTimedOut, kerr.TopicAuthorizationFailed}

// step does one thing.
func (s *schedule) step() {
	switch s.r.IntN(15) {
	case 0, 1, 2, 3, 4:
		s.produce()
	case 5:
		s.transaction()
	case 6:
		s.faults = append(s.faults, s.cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Fetch}, Err: fetchErrors[s.r.IntN(len(fetchErrors))], Count: 1 + s.r.IntN(5),
		}))
	case 7:
		keys := []kmsg.Key{kmsg.ListOffsets, kmsg.Metadata, kmsg.OffsetCommit, kmsg.OffsetForLeaderEpoch}
		s.looks = append(s.looks, s.cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{keys[s.r.IntN(len(keys))]}, Err: lookErrors[s.r.IntN(len(lookErrors))], Count: 1 + s.r.IntN(5),
		}))
	case 8:
		s.cut.Store(!s.cut.Load())
	case 9:
		s.cluster.ShufflePartitionLeaders()
	case 10:
		s.full.Store(!s.full.Load())
	case 11:
		s.runner.Close()
		s.start()
	case 12:
		s.crash()
	case 13:
		require.NoError(s.t, s.db.Checkpoint(s.t.Context()))
	case 14:
		if s.partitions < 6 {
			s.heal()
			s.partitions++
			grow(s.t, s.producer(), s.partitions)
			s.client = nil // it does not know of the partition
		}
	}
}

// producer returns a client of the cluster as it is now.
func (s *schedule) producer(opts ...kgo.Opt) *kgo.Client {
	s.healLooks()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.UnknownTopicRetries(-1), kgo.ProducerBatchCompression([]kgo.CompressionCodec{kgo.NoCompression(), kgo.ZstdCompression(), kgo.GzipCompression(), kgo.Lz4Compression(), kgo.SnappyCompression()}[s.r.IntN(5)]),
	}, opts...)...)
	require.NoError(s.t, err)
	s.t.Cleanup(cl.Close)
	return cl
}

// produce sends some messages to a partition: events, null values, and what is no event.
func (s *schedule) produce() {
	if s.healLooks(); s.client == nil || s.r.IntN(4) == 0 {
		s.client = s.producer()
	}
	p := int32(s.r.IntN(s.partitions))
	var records []*kgo.Record
	var ids []string
	for range 1 + s.r.IntN(200) {
		record := &kgo.Record{Topic: topic, Partition: p}
		switch s.r.IntN(20) {
		case 0:
		case 1:
			record.Value = []byte("no event")
			s.rejected++
		default:
			id := fmt.Sprint(len(s.produced), "-", len(ids))
			ids = append(ids, id)
			record.Value = []byte(line(id))
		}
		records = append(records, record)
	}
	require.NoError(s.t, s.client.ProduceSync(s.t.Context(), records...).FirstErr())
	for _, id := range ids {
		s.produced[id] = true
	}
}

// transaction sends some messages in a transaction, which is committed or not.
func (s *schedule) transaction() {
	cl := s.producer(kgo.TransactionalID(fmt.Sprint("t", s.r.Uint64())))
	commit := s.r.IntN(2) == 0
	require.NoError(s.t, cl.BeginTransaction())
	var ids []string
	for range 1 + s.r.IntN(20) {
		id := fmt.Sprint("t-", commit, "-", len(s.produced), "-", len(ids))
		ids = append(ids, id)
		record := &kgo.Record{Topic: topic, Partition: int32(s.r.IntN(s.partitions)), Value: []byte(line(id))}
		require.NoError(s.t, cl.ProduceSync(s.t.Context(), record).FirstErr())
	}
	require.NoError(s.t, cl.EndTransaction(s.t.Context(), kgo.TransactionEndTry(commit)))
	cl.Close()
	if commit {
		for _, id := range ids {
			s.produced[id] = true
		}
	}
}

// crash cuts the power of the store's machine, or ends its process, while it reads, and starts it again.
func (s *schedule) crash() {
	if s.r.IntN(2) == 0 {
		s.disk = s.disk.Crash(simdisk.Random(s.r.Uint64()))
	} else {
		s.disk = s.disk.Kill()
	}
	s.runner.Close()
	_ = s.db.Close() // its disk is gone
	s.open()
}

// heal ends all that hinders.
func (s *schedule) heal() {
	for _, f := range s.faults {
		f.Remove()
	}
	s.faults = nil
	s.healLooks()
	s.cut.Store(false)
	s.full.Store(false)
}

func (s *schedule) healLooks() {
	for _, f := range s.looks {
		f.Remove()
	}
	s.looks = nil
}

// settle ends all that hinders, and waits until the store has what was produced.
func (s *schedule) settle() {
	s.heal()
	done := func() bool {
		status := statusOf(s.t, s.runner)
		return status.State == source.Running && status.Lag.Messages == 0 && s.rows() >= len(s.produced)
	}
	for until := time.Now().Add(patience); !done() && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	require.True(s.t, done(), "%d of %d rows, %+v", s.rows(), len(s.produced), statusOf(s.t, s.runner))
	times := map[string]int{}
	for b, err := range s.db.Rows(s.t.Context(), everyRow()) {
		require.NoError(s.t, err)
		for i := range len(b.Times) {
			times[string(b.IDs.At(i))]++
		}
	}
	for id, n := range times {
		require.True(s.t, s.produced[id], "row %s was never produced, or in no transaction that was committed", id)
		require.Equal(s.t, 1, n, "row %s", id)
	}
	require.Len(s.t, times, len(s.produced))
}

// rows returns how many rows are stored.
func (s *schedule) rows() int {
	n := 0
	_, err := s.db.EachRows(context.Background(), everyRow(), func(b *engine.RowBatch) bool {
		n += len(b.Times)
		return true
	})
	require.NoError(s.t, err)
	return n
}

// everyRow asks for all rows.
func everyRow() engine.RowsQuery {
	return engine.RowsQuery{Model: engine.All, Version: engine.All, Environment: engine.All, From: time.Unix(0, 0), To: time.Now().Add(time.Hour)}
}
