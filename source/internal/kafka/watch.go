package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/source/internal/connector"
)

// commitPatience is how long the end of a session waits for the group.
const commitPatience = 2 * time.Second

// awaitTopic returns once the topic exists and something of it can be read.
func (s *session) awaitTopic(ctx context.Context) error {
	for {
		err := s.look(ctx)
		if err == nil {
			s.feed.Reached()
			s.feed.Trouble("", nil)
			return nil
		}
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return err
		}
		s.feed.Trouble("", s.config.explain(err))
		if err := s.noteAbsent(ctx); err != nil {
			return err
		}
		if err := connector.Sleep(ctx, s.config.Look); err != nil {
			return err
		}
	}
}

// noteAbsent stores that there was no topic: when it appears, it is read from its beginning.
func (s *session) noteAbsent(ctx context.Context) error {
	stored, err := knownOf(s.config.Topic, s.feed.Positions())
	if err != nil || stored.id != "" {
		return err
	}
	l, err := s.feed.NewLoad()
	if err != nil {
		return err
	}
	l.Read(s.config.Topic, absent)
	return s.feed.Store(ctx, l)
}

// lookAfter looks after the topic until ctx ends.
func (s *session) lookAfter(ctx context.Context) error {
	ticker := time.NewTicker(s.config.Look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.lookNow:
			// What asks for a look may do so again at once.
			if err := connector.Sleep(ctx, min(s.config.Look, 200*time.Millisecond)); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		err := s.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errAnew), errors.Is(err, kerr.UnknownTopicOrPartition):
			return errAnew
		case errors.Is(err, errStore):
			return err
		default:
			// Without an answer, what is read is as far as is known: the client goes on by itself once it can.
			if s.feed.Trouble("", s.config.explain(err)); err != nil {
				s.feed.LostSight()
			}
		}
		s.commit(ctx)
	}
}

// errStore is the class of errors of look that are of the store.
var errStore = errors.New("positions are not stored")

// look compares the topic with what is read of it, and begins with partitions that are not read. Where the id of the topic is not
// that of the session any more, it is errAnew.
func (s *session) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*s.config.Timeout)
	defer cancel()
	topic, err := s.describe(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	other := isOther(s.id, topic.ID)
	s.mu.Unlock()
	if other {
		return errAnew
	}
	starts, err := s.admin.ListStartOffsets(ctx, s.config.Topic)
	if allFailed(err) {
		return err
	}
	ends, err := s.admin.ListCommittedOffsets(ctx, s.config.Topic)
	if allFailed(err) {
		return err
	}
	all := map[int32]bounds{}
	for number, detail := range topic.Partitions {
		start, _ := starts.Lookup(s.config.Topic, number)
		end, _ := ends.Lookup(s.config.Topic, number)
		err := errors.Join(detail.Err, start.Err, end.Err)
		if err == nil && (start.Topic == "" || end.Topic == "") {
			err = kerr.LeaderNotAvailable
		}
		all[number] = bounds{start.Offset, max(end.Offset, start.Offset), err}
	}
	return s.follow(ctx, topic.ID, all)
}

// allFailed tells whether an error is of all servers that were asked, not of some of them.
func allFailed(err error) bool {
	shards, ok := errors.AsType[*kadm.ShardErrors](err)
	return err != nil && (!ok || shards.AllFailed)
}

// bounds are the first offset of a partition that can be read, and the one behind the last, or why they are not known.
type bounds struct {
	start, end int64
	err        error
}

// describe asks for the topic.
func (s *session) describe(ctx context.Context) (kadm.TopicDetail, error) {
	metadata, err := s.admin.Metadata(ctx, s.config.Topic)
	if err != nil {
		return kadm.TopicDetail{}, err
	}
	topic, ok := metadata.Topics[s.config.Topic]
	switch {
	case !ok:
		return topic, kerr.UnknownTopicOrPartition
	case topic.Err != nil:
		return topic, topic.Err
	case len(topic.Partitions) == 0:
		return topic, kerr.LeaderNotAvailable
	}
	return topic, nil
}

// follow begins with the partitions that are not read, from where they are to be read, and notes how far there is to go.
func (s *session) follow(ctx context.Context, id kadm.TopicID, all map[int32]bounds) error {
	stored, err := knownOf(s.config.Topic, s.feed.Positions())
	if err != nil {
		return err
	}
	l, err := s.feed.NewLoad()
	if err != nil {
		return err
	}
	begin := beginning{earliest: s.config.Earliest || stored.id != ""}
	if isOther(stored.id, id) {
		s.feed.Warn(fmt.Errorf("the topic %s was deleted and made anew: it is read from its beginning", s.config.Topic))
		for number := range stored.partitions {
			if _, ok := all[number]; !ok {
				l.Read(partOf(s.config.Topic, number), "")
			}
		}
		stored.partitions = nil
	}
	if stored.id != id.String() {
		l.Read(s.config.Topic, id.String())
	}
	added := map[int32]*partition{}
	for number, b := range all {
		reads, failed := s.seen(number, b)
		if reads {
			continue
		}
		part := partOf(s.config.Topic, number)
		if b.err != nil {
			if stored.id == "" { // where latest is must be known of all partitions at once
				return fmt.Errorf("partition %d: %w", number, b.err)
			}
			s.feed.Trouble(part, s.config.explain(fmt.Errorf("partition %d: %w", number, b.err)))
			continue
		}
		at, have := stored.partitions[number]
		p := &partition{stored: at, end: b.end}
		if failed != nil {
			at, have, p.stored = failed.read, true, failed.stored // what is read and not stored yet is on its way
			s.feed.Retry()
			s.feed.Trouble(part, nil)
		}
		from, lost := begin.at(at, have, b)
		if lost > 0 {
			s.feed.Lose(lost, fmt.Errorf("topic %s, partition %d: %d messages from offset %d on were gone before they were read: "+
				"the topic keeps less than this server was behind", s.config.Topic, number, lost, from.offset-lost))
		}
		if from != at || !have {
			l.Read(part, from.String())
		}
		if p.read = from; failed == nil {
			p.stored = from
		}
		added[number] = p
	}
	return s.begin(ctx, id, l, added)
}

// seen notes how far a partition goes, and tells whether it is read; failed is one that was, until it failed.
func (s *session) seen(number int32, b bounds) (reads bool, failed *partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partitions[number]
	if p == nil {
		return false, nil
	}
	if b.err == nil {
		p.end = max(b.end, p.stored.offset)
	}
	if p.failed {
		return false, p
	}
	return true, nil
}

// beginning says where partitions begin of which no position is known.
type beginning struct{ earliest bool }

// at returns from where a partition is read, and how many messages are lost, given its position, if there is one.
func (b beginning) at(p position, have bool, in bounds) (from position, lost int64) {
	switch {
	case have && p.offset >= in.start && p.offset <= in.end:
		return p, 0
	case have && p.offset < in.start:
		return position{in.start, -1}, in.start - p.offset
	case have && p.epoch >= 0:
		return p, 0 // behind the end: the epoch tells the client where the leader of now has another message
	case have || b.earliest:
		return position{in.start, -1}, 0
	}
	return position{in.end, -1}, 0
}

// begin stores where added partitions begin, and reads them from there.
func (s *session) begin(ctx context.Context, id kadm.TopicID, l *connector.Load, added map[int32]*partition) error {
	if !l.Empty() {
		if err := s.feed.Store(ctx, l); err != nil {
			return fmt.Errorf("%w: %w", errStore, err)
		}
	}
	offsets := map[int32]kgo.Offset{}
	s.mu.Lock()
	s.id = id.String()
	for number, p := range added {
		s.partitions[number] = p
		offsets[number] = kgo.NewOffset().At(p.read.offset).WithEpoch(p.read.epoch)
	}
	s.measure()
	s.mu.Unlock()
	if len(offsets) > 0 {
		s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.config.Topic: offsets})
	}
	return nil
}

// commit tells the group how far the topic is stored, for those who look at the group. Nothing depends on it.
func (s *session) commit(ctx context.Context) {
	if s.config.Group == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	offsets := kadm.Offsets{}
	s.mu.Lock()
	for number, p := range s.partitions {
		if at, ok := s.committed[number]; !ok || at != p.stored.offset {
			offsets.AddOffset(s.config.Topic, number, p.stored.offset, p.stored.epoch)
		}
	}
	s.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	responses, err := s.admin.CommitOffsets(ctx, s.config.Group, offsets)
	if err == nil {
		err = responses.Error()
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return // a topic that has just been made: it is told with the next look
	}
	if err != nil {
		s.feed.Warn(s.config.explain(fmt.Errorf("commit to the group %s: %w", s.config.Group, err)))
		return
	}
	for number, o := range offsets[s.config.Topic] {
		s.committed[number] = o.At
	}
}
