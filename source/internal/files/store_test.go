package files

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source/internal/connector"
)

// store is a Sink in memory, that keeps which ids were stored how often, and with what value.
type store struct {
	mu        sync.Mutex
	times     map[string]int
	values    map[string]float64
	rejects   []event.Reject
	positions map[string]string
	appends   int
	// refuse is asked before each append; after an error nothing is stored.
	refuse func(n int) error
}

func newStore() *store {
	return &store{times: map[string]int{}, values: map[string]float64{}, positions: map[string]string{}}
}

func (s *store) AppendFrom(_ context.Context, b *event.Batch, o engine.Origin) (engine.Appended, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends++
	if s.refuse != nil {
		if err := s.refuse(s.appends); err != nil {
			return engine.Appended{}, err
		}
	}
	for i := range b.Len() {
		e := b.Event(i)
		s.times[e.PredictionID]++
		s.values[e.PredictionID] = e.PredictedValue
	}
	s.rejects = append(s.rejects, b.Rejects...)
	for _, p := range o.Positions {
		if p.Value == "" {
			delete(s.positions, p.Part)
		} else {
			s.positions[p.Part] = p.Value
		}
	}
	return engine.Appended{Successful: b.Len(), Quarantined: b.Rejected.Total()}, nil
}

func (s *store) AppendActualsFrom(context.Context, *event.Actuals, engine.Origin) (engine.Appended, error) {
	return engine.Appended{}, errors.New("no actuals are expected")
}

func (s *store) Positions(string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.positions)
}

func (s *store) Rules() event.Rules { return event.Rules{} }

// stored returns how often each id was stored.
func (s *store) stored() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.times)
}

func (s *store) position(part string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range []string{part, "s3://events/" + part, "file://" + part} {
		if value := s.positions[name]; value != "" {
			return value
		}
	}
	return ""
}

// plainMapping is that of events whose members are the columns.
func plainMapping() *event.Mapping {
	var m event.Mapping
	all, _ := m.ColumnNames()
	for _, name := range all {
		m.Columns = append(m.Columns, event.MappedColumn{Name: name, Path: []string{name}})
	}
	return &m
}

// line is an event as a line.
func line(id string, value float64) string {
	return fmt.Sprintf(`{"timestamp":"2026-11-01 10:00:00.000","model_id":"m","prediction_id":%q,"features":"{}","predicted_value":%v,"model_version":"v1","environment":"prod"}`+"\n", id, value)
}

// linesOf are n events whose ids begin with a name.
func linesOf(name string, n int) []byte {
	var text []byte
	for i := range n {
		text = append(text, line(fmt.Sprintf("%s-%06d", name, i), float64(i))...)
	}
	return text
}

// requireOnce checks that each of n events of each name was stored once, and no other.
func requireOnce(t *testing.T, s *store, counts map[string]int) {
	t.Helper()
	want := map[string]int{}
	for name, n := range counts {
		for i := range n {
			want[fmt.Sprintf("%s-%06d", name, i)] = 1
		}
	}
	got := s.stored()
	for id, n := range got {
		require.Equal(t, want[id], n, "how often %s was stored", id)
	}
	require.Len(t, got, len(want))
}

// running is a connector that runs.
type running struct {
	*connector.Report
	asked  chan struct{}
	cancel context.CancelFunc
	done   chan error
}

// stop ends the connector and returns what it ended with.
func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

// run1 runs a connector once.
func run1(t *testing.T, c Config, s *store) *running {
	t.Helper()
	made, err := New(c)
	require.NoError(t, err)
	return runMade(t, made, s)
}

func runMade(t *testing.T, made *Connector, s *store) *running {
	t.Helper()
	r := &running{Report: new(connector.Report), asked: make(chan struct{}, 1), done: make(chan error, 1)}
	feed := &connector.Feed{Report: r.Report, Source: "events", Mapping: plainMapping(), Sink: s, Asked: r.asked}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	r.Begin()
	go func() { r.done <- made.Run(ctx, feed) }()
	t.Cleanup(cancel)
	return r
}

// eventually waits until a condition holds, which is looked at again and again.
func eventually(t *testing.T, holds func() bool, what string, args ...any) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.Fail(t, fmt.Sprintf(what, args...))
		}
	}
}
