package kafka

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source/internal/connector"
)

// Each partition has one of the lanes, in which its messages are decoded and stored in their order. While a load of a lane is stored the
// next is filled. A load is stored as soon as the one before it is, and holds so many bytes of messages at most.
const (
	lanesMax  = 4
	loads     = 2
	loadBytes = 2 << 20
)

// lane is the way of the messages of some partitions into the store.
type lane struct {
	session *session
	fetched chan []*kgo.Record
	filled  chan *load
	empty   chan *load
}

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

func (s *session) newLane() (*lane, error) {
	l := &lane{session: s, fetched: make(chan []*kgo.Record), filled: make(chan *load), empty: make(chan *load, loads)}
	for range loads {
		made, err := s.feed.NewLoad()
		if err != nil {
			return nil, err
		}
		l.empty <- &load{Load: made, reached: map[int32]reached{}}
	}
	return l, nil
}

// laneOf returns the lane of a partition.
func (s *session) laneOf(partition int32) *lane { return s.lanes[int(partition)%len(s.lanes)] }

// decode decodes what was fetched into loads, until ctx ends.
func (l *lane) decode(ctx context.Context) error {
	filling := <-l.empty
	var records []*kgo.Record
	for {
		in, out := l.fetched, l.filled
		if len(records) > 0 {
			in = nil // the load is full
		}
		if filling.Empty() {
			out = nil
		}
		select {
		case records = <-in:
		case out <- filling:
			filling = <-l.empty // what takes a load has given that of before back
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(records) > 0 && filling.Bytes() < loadBytes {
			n, err := l.add(filling, records)
			if err != nil {
				return err
			}
			records = records[n:]
		}
	}
}

// store stores what was filled, one load after the other.
func (l *lane) store(ctx context.Context) error {
	for {
		select {
		case filled := <-l.filled:
			if err := l.session.feed.Store(ctx, filled.Load); err != nil {
				return err
			}
			l.session.stored(filled)
			l.empty <- filled
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add decodes messages of one partition into a load, until it is full, and returns how many.
func (l *lane) add(to *load, records []*kgo.Record) (n int, err error) {
	size, skipped := to.Bytes(), 0
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
			if err := to.addArray(text, r); err != nil {
				return n, err
			}
			continue
		}
		to.texts, to.messages = append(to.texts, text), append(to.messages, r)
	}
	if err := to.flush(); err != nil {
		return n, err
	}
	if skipped > 0 {
		l.session.feed.Skip(skipped)
	}
	last := records[n-1]
	at := behind(last)
	to.Read(partOf(last.Topic, last.Partition), at.String())
	to.reached[last.Partition] = reached{at, last.Timestamp}
	return n, nil
}

// behind is the position behind a message.
func behind(r *kgo.Record) position { return position{r.Offset + 1, r.LeaderEpoch} }

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
	_, err := l.Decode(text, event.JSON, connector.RejectsMax, func(n int) string { return fmt.Sprintf("%s, element %d", placeOf(r), n) })
	return err
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
	if len(value) > 0 && value[0] <= ' ' { // it is seldom so, and a search for what to trim takes as long as a column
		value = bytes.TrimLeft(value, " \t\r\n")
	}
	return value
}
