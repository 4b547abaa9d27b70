package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source/internal/connector"
)

// A load is stored when it has so many bytes of messages, or when no more messages are at hand. While one is stored the next is filled.
const (
	loads     = 2
	loadBytes = 4 << 20
	// pollRecords bounds the messages that are taken from the client at once.
	pollRecords = 32 << 10
)

// load is a load of messages, and how far it reaches in each partition.
type load struct {
	*connector.Load
	reached map[int32]reached

	// Messages that are to be decoded together, and what they are of. Empty between two calls of add.
	texts    [][]byte
	messages []*kgo.Record
}

// reached is how far a partition is stored with a load, and the time of the last message.
type reached struct {
	position
	time time.Time
}

func (s *session) newLoad() (*load, error) {
	l, err := s.feed.NewLoad()
	if err != nil {
		return nil, err
	}
	return &load{Load: l, reached: map[int32]reached{}}, nil
}

// fetch takes messages from the client and decodes them, until ctx ends.
func (s *session) fetch(ctx context.Context, filled chan<- *load, empty <-chan *load) error {
	var l *load
	for {
		fetches := s.client.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if fetches.IsClientClosed() {
			return kgo.ErrClientClosed
		}
		for _, f := range fetches {
			for _, t := range f.Topics {
				for i := range t.Partitions {
					p := &t.Partitions[i]
					if t.Topic != s.config.Topic || p.Partition < 0 {
						s.feed.Trouble("", s.config.explain(p.Err))
						continue
					}
					records := s.take(p)
					for len(records) > 0 {
						if l == nil {
							select {
							case l = <-empty:
							case <-ctx.Done():
								return ctx.Err()
							}
						}
						n, err := s.add(l, records)
						if err != nil {
							return err
						}
						records = records[n:]
						if l.Bytes() < loadBytes {
							continue
						}
						if l = hand(ctx, filled, l); l != nil {
							return ctx.Err()
						}
					}
				}
			}
		}
		if l != nil {
			if l = hand(ctx, filled, l); l != nil {
				return ctx.Err()
			}
		}
	}
}

// hand hands a load on to be stored; it returns it if ctx ends before.
func hand(ctx context.Context, filled chan<- *load, l *load) *load {
	select {
	case filled <- l:
		return nil
	case <-ctx.Done():
		return l
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
		err = connector.Advise(err, fmt.Sprintf("the batch of messages at offset %d has more than %d bytes when it is unpacked: have producers send smaller ones, "+
			"or remove it from the topic", tooLarge.Offset, batchBytes))
	}
	s.feed.Trouble(partOf(s.config.Topic, f.Partition), s.config.explain(err))
}

// add decodes messages of one partition into a load, until it is full, and returns how many.
func (s *session) add(l *load, records []*kgo.Record) (n int, err error) {
	size, skipped := l.Bytes(), 0
	for n < len(records) && size < loadBytes {
		r := records[n]
		n++
		size += int64(len(r.Value))
		if r.Attrs.IsControl() {
			continue
		}
		if r.Value == nil {
			skipped++
			continue
		}
		text := withoutSchemaID(r.Value)
		if len(text) > 0 && text[0] == '[' && len(text) <= event.LineBytesMax && connector.IsArray(text) {
			if err := l.addArray(text, r); err != nil {
				return n, err
			}
			continue
		}
		l.texts, l.messages = append(l.texts, text), append(l.messages, r)
	}
	if err := l.flush(); err != nil {
		return n, err
	}
	if skipped > 0 {
		s.feed.Skip(skipped)
	}
	last := records[n-1]
	at := position{last.Offset + 1, last.LeaderEpoch}
	l.Read(partOf(last.Topic, last.Partition), at.String())
	l.reached[last.Partition] = reached{at, last.Timestamp}
	s.mu.Lock()
	s.partitions[last.Partition].read = at
	s.mu.Unlock()
	return n, nil
}

// flush decodes the messages that are to be decoded together.
func (l *load) flush() error {
	if len(l.texts) == 0 {
		return nil
	}
	err := l.DecodeEach(l.texts, func(n int) string { return placeOf(l.messages[n-1]) })
	clear(l.texts)
	clear(l.messages)
	l.texts, l.messages = l.texts[:0], l.messages[:0]
	return err
}

// addArray decodes a message that is an array of events, behind those before it.
func (l *load) addArray(text []byte, r *kgo.Record) error {
	if err := l.flush(); err != nil {
		return err
	}
	return l.Decode(text, event.JSON, func(n int) string { return fmt.Sprintf("%s, element %d", placeOf(r), n) })
}

// placeOf says where a message is.
func placeOf(r *kgo.Record) string {
	return fmt.Sprintf("topic %s, partition %d, offset %d", r.Topic, r.Partition, r.Offset)
}

// withoutSchemaID returns a value without the number of its schema in a registry, which is four bytes behind a zero one. No JSON begins
// with that.
func withoutSchemaID(value []byte) []byte {
	if len(value) >= 5 && value[0] == 0 {
		value = value[5:]
	}
	return bytes.TrimLeft(value, " \t\r\n")
}
