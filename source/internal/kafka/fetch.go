package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/source/internal/connector"
)

// pollRecords bounds the messages that are taken from the client at once.
const pollRecords = 32 << 10

// fetch takes messages from the client and hands them to the lanes of their partitions, until ctx ends.
func (s *session) fetch(ctx context.Context) error {
	for {
		fetches := s.client.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if fetches.IsClientClosed() {
			return kgo.ErrClientClosed
		}
		fetches.EachPartition(func(t kgo.FetchTopicPartition) {
			s.handOn(ctx, t.Topic, &t.FetchPartition)
		})
	}
}

// handOn hands what was fetched of a partition to its lane.
func (s *session) handOn(ctx context.Context, topic string, p *kgo.FetchPartition) {
	if topic != s.config.Topic || p.Partition < 0 { // an error of the client, which is of no partition
		s.feed.Trouble("", s.config.explain(p.Err))
		return
	}
	records := s.take(p)
	if len(records) == 0 {
		return
	}
	select {
	case s.laneOf(p.Partition).fetched <- records:
	case <-ctx.Done():
	}
}

// take notes what a fetch says of a partition, and returns the messages that were not read before.
func (s *session) take(f *kgo.FetchPartition) []*kgo.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partitions[f.Partition]
	if p == nil {
		panic(fmt.Sprintf("BUG: a fetch of partition %d, which is not read", f.Partition))
	}
	if p.failed {
		return nil
	}
	part := partOf(s.config.Topic, f.Partition)
	if f.Err != nil {
		s.fail(f, p)
		return nil
	}
	s.feed.Trouble(part, nil)
	p.end = max(p.end, f.LastStableOffset)
	records := f.Records
	// Within the epoch of a leader offsets only grow: what is below is there twice. A new leader may have forgotten messages.
	for len(records) > 0 && records[0].Offset < p.read.offset && records[0].LeaderEpoch == p.read.epoch {
		records = records[1:]
	}
	if len(records) > 0 {
		p.read = behind(records[len(records)-1])
	}
	return records
}

// fail notes what a partition fails with. The caller holds mu.
func (s *session) fail(f *kgo.FetchPartition, p *partition) {
	if loss, ok := errors.AsType[*kgo.ErrDataLoss](f.Err); ok {
		s.feed.Warn(fmt.Errorf("topic %s, partition %d: the cluster has forgotten messages from offset %d on, which it had; those that are stored stay, "+
			"and reading goes on there", s.config.Topic, f.Partition, loss.ResetTo))
		return
	}
	p.failed = true
	s.client.RemoveConsumePartitions(map[string][]int32{s.config.Topic: {f.Partition}})
	if errors.Is(f.Err, kerr.OffsetOutOfRange) || errors.Is(f.Err, kerr.UnknownTopicID) || errors.Is(f.Err, kerr.UnknownTopicOrPartition) {
		select {
		case s.lookNow <- struct{}{}:
		default:
		}
		return
	}
	err := fmt.Errorf("partition %d: %w", f.Partition, f.Err)
	if tooLarge, ok := errors.AsType[*kgo.ErrDecompressTooLarge](f.Err); ok {
		err = connector.Advise(fmt.Errorf("topic %s of Kafka, partition %d: the batch of messages at offset %d has more than %d bytes when it is unpacked",
			s.config.Topic, f.Partition, tooLarge.Offset, batchBytes),
			"have producers send smaller ones; to pass this one, remove what is up to it from the partition (kafka-delete-records.sh), and the next that is there is read")
	}
	s.feed.Trouble(partOf(s.config.Topic, f.Partition), s.config.explain(err))
}
