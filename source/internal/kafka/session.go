package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/source/internal/connector"
)

// session is one run of a connector.
type session struct {
	config *Config
	feed   *connector.Feed
	client *kgo.Client
	admin  *kadm.Client
	lanes  []*lane
	// lookNow asks for a look at the topic before its time.
	lookNow chan struct{}

	mu sync.Mutex
	// id is that of the topic; partitions are those that are read, by number. Guarded by mu.
	id         string
	partitions map[int32]*partition
	committed  map[int32]int64 // what the group was told last; of look alone
}

// partition is a partition that is read. Guarded by the mutex of its session.
type partition struct {
	// read is how far messages were taken from the client, stored how far they are stored. What is between is in loads.
	read, stored position
	// end is the offset behind the last message of which is known that it can be read.
	end int64
	// storedTime is the time of the last message that is stored, and caughtUp when nothing was left to read: what is left to
	// read is not older than either.
	storedTime, caughtUp time.Time
	// failed is set while the client does not read the partition, because it cannot: look begins with it again.
	failed bool
}

func newSession(config *Config, feed *connector.Feed, client *kgo.Client) *session {
	return &session{
		config: config, feed: feed, client: client, admin: kadm.NewClient(client),
		lookNow: make(chan struct{}, 1), partitions: map[int32]*partition{}, committed: map[int32]int64{},
	}
}

// run reads the topic until ctx ends or something fails. Nothing of the session is under way when it returns.
func (s *session) run(ctx context.Context) error {
	if err := s.awaitTopic(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := []func(context.Context) error{s.fetch, s.lookAfter}
	for range lanesMax {
		l, err := s.newLane()
		if err != nil {
			return err
		}
		s.lanes = append(s.lanes, l)
		work = append(work, l.decode, l.store)
	}
	var wg sync.WaitGroup
	for _, f := range work {
		wg.Go(func() { cancel(f(ctx)) })
	}
	wg.Wait()
	s.commit(context.WithoutCancel(ctx))
	return context.Cause(ctx)
}

// stored notes that a load is stored.
func (s *session) stored(l *load) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, reached := range l.reached {
		p := s.partitions[number]
		p.stored = reached.position
		if !reached.time.IsZero() {
			p.storedTime = reached.time
		}
	}
	clear(l.reached)
	s.measure()
}

// measure reports how far there is to go. The caller holds mu.
func (s *session) measure() {
	now := time.Now()
	lag := connector.Lag{Bytes: connector.Unknown}
	for _, p := range s.partitions {
		left := p.end - p.stored.offset
		if left <= 0 {
			p.caughtUp = now
			continue
		}
		lag.Messages += left
		switch since := latest(p.storedTime, p.caughtUp); {
		case since.IsZero():
			lag.Seconds = connector.Unknown
		case lag.Seconds != connector.Unknown:
			lag.Seconds = max(lag.Seconds, now.Sub(since).Seconds())
		}
	}
	s.feed.Lagging(lag)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
