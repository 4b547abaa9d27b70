package query

import (
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Plan is a query with its names and windows resolved.
type Plan struct {
	Selection
	// Across are the columns that the answers add up across.
	Across Across
	// Want is what the answers have to hold.
	Want segment.Want

	// The first count of windows are asked for. They are in the plan, so that a query allocates nothing for them.
	windows [windowsMax]Window
	count   int
}

// windowsMax is the most windows that a query answers together.
const windowsMax = 6

// Ask sets the windows. The first decides what latest means.
func (p *Plan) Ask(ws ...Window) { p.count = copy(p.windows[:], ws) }

// Ask is that of the plan.
func (r *Run) Ask(ws ...Window) {
	r.Plan.Ask(ws...)
	r.alone = false
}

// AskAlone is Ask for windows that one subject alone is asked about, as those that reach back from its own last row are.
func (r *Run) AskAlone(ws ...Window) {
	r.Ask(ws...)
	r.alone = true
}

// AskOwn is Ask for windows that lie as a total needs them: where it is one series, that one alone is asked about.
func (r *Run) AskOwn(t *Total, ws ...Window) {
	r.Ask(ws...)
	r.alone = len(t.members) == 1
}

// Asked returns the windows.
func (p *Plan) Asked() []Window { return p.windows[:p.count] }

// Window is a span of the rows of a series, or of a sibling: a series of the same environment that has another version.
type Window struct {
	base.Span
	// More are further spans. None of all of them overlaps another.
	More []base.Span
	// Version names the sibling. Previous is set for the version before the series, see [catalog.NewerVersion]. Without either the
	// window is about the series itself.
	Version  string
	Previous bool
	// Counted is set where the counts and times of the rows are all that is asked for, and Rows where it does not matter either which of them
	// have an actual: it may then be that none is said to.
	Counted, Rows bool
}

// Sibling tells whether the window is about another series than the one that the answer is of.
func (w *Window) Sibling() bool { return w.Version != "" || w.Previous }

// asksPrevious tells whether a window is about the version before a series.
func (p *Plan) asksPrevious() bool {
	return slices.ContainsFunc(p.Asked(), func(w Window) bool { return w.Previous })
}

// spans yields the spans of a window.
func (w *Window) spans(yield func(base.Span) bool) {
	if !yield(w.Span) {
		return
	}
	for _, s := range w.More {
		if !yield(s) {
			return
		}
	}
}

// Across is a set of the columns of a series that an answer adds up across: bit 0 is the model, 1 the version, 2 the
// environment.
type Across uint8

// ColumnNames are the names of the columns, in the order of their bits.
var ColumnNames = [...]string{"model_id", "model_version", "environment"}

// of returns what a series counts for.
func (a Across) of(s event.Series) event.Series {
	for i, name := range [...]*string{&s.Model, &s.Version, &s.Environment} {
		if a&(1<<i) != 0 {
			*name = All
		}
	}
	return s
}
