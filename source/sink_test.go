package source_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source"
)

// patience is how long tests wait for what must come.
const patience = time.Minute

// store is a Sink in memory.
type store struct {
	mu      sync.Mutex
	changed *sync.Cond
	// rows is how often a prediction id was stored, in the order of ids. All are guarded by mu.
	rows      map[string]int
	order     []string
	rejects   []event.Reject
	positions map[string]map[string]string
	actuals   int
	// refuse returns what an append fails with; nil for none.
	refuse func() error
}

func newStore() *store {
	s := &store{rows: map[string]int{}, positions: map[string]map[string]string{}}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// AppendFrom implements source.Sink.
func (s *store) AppendFrom(_ context.Context, b *event.Batch, o engine.Origin) (engine.Appended, error) {
	return s.append(o, b.Rejects, b.Rejected.Total(), func() int {
		for i := range b.Len() {
			id := string(b.IDs.At(i))
			s.rows[id]++
			s.order = append(s.order, id)
		}
		return b.Len()
	})
}

// AppendActualsFrom implements source.Sink.
func (s *store) AppendActualsFrom(_ context.Context, a *event.Actuals, o engine.Origin) (engine.Appended, error) {
	return s.append(o, a.Rejects, a.Rejected.Total(), func() int {
		s.actuals += a.Len()
		return a.Len()
	})
}

func (s *store) append(o engine.Origin, rejects []event.Reject, rejected int, rows func() int) (engine.Appended, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return engine.Appended{}, err
		}
	}
	done := engine.Appended{Successful: rows(), Quarantined: rejected}
	for _, r := range rejects {
		r.Raw = slices.Clone(r.Raw)
		s.rejects = append(s.rejects, r)
	}
	for _, p := range o.Positions {
		if s.positions[o.Source] == nil {
			s.positions[o.Source] = map[string]string{}
		}
		if s.positions[o.Source][p.Part] = p.Value; p.Value == "" {
			delete(s.positions[o.Source], p.Part)
		}
	}
	return done, nil
}

// Positions implements source.Sink.
func (s *store) Positions(source string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.positions[source])
}

// Rules implements source.Sink.
func (s *store) Rules() event.Rules { return event.Rules{} }

// await waits until a condition on the store holds; the condition is called with mu held.
func (s *store) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timer := time.AfterFunc(patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer timer.Stop()
	deadline := time.Now().Add(patience)
	s.mu.Lock()
	defer s.mu.Unlock()
	for !holds() {
		require.True(t, time.Now().Before(deadline), "%s: there are %d rows, %d rejects, positions %v", what, len(s.rows), len(s.rejects), s.positions)
		s.changed.Wait()
	}
}

// awaitRows waits until n rows are stored, none of them twice.
func (s *store) awaitRows(t *testing.T, n int) {
	t.Helper()
	s.await(t, fmt.Sprintf("%d rows", n), func() bool { return len(s.rows) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.rows, n)
	for id, times := range s.rows {
		require.Equal(t, 1, times, "row %s", id)
	}
}

// statusOf returns how the only connector does.
func statusOf(t *testing.T, r *source.Runner) source.Status {
	t.Helper()
	all := r.Status()
	require.Len(t, all, 1)
	return all[0]
}

// awaitStatus waits until the only connector does as it must.
func awaitStatus(t *testing.T, r *source.Runner, holds func(s source.Status) bool) source.Status {
	t.Helper()
	var last source.Status
	require.Eventually(t, func() bool { last = statusOf(t, r); return holds(last) }, patience, time.Millisecond, "%+v", &last)
	return last
}
