package windows

import (
	"fmt"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/internal/wallclock"
)

// Reference is what a recent window is compared with. The zero Reference is the rolling one.
type Reference struct {
	// From and To pin a half-open window, zero where none is pinned.
	From, To time.Time
	// Version is another version of the model, Previous stands for the one before each.
	Version  string
	Previous bool
	// Weeks is how many weeks back the same hours count, zero for none.
	Weeks int
}

const (
	// WeeksMax bounds the weeks of a seasonal reference: more than two years.
	WeeksMax = 106
	week     = 7 * 24 * time.Hour
	weekMs   = int64(week / time.Millisecond)
	// clocked is before and after what times clocks of zones are asked: 30,000 years.
	clocked = 1_000_000_000_000_000
)

// Layout is the windows of one comparison.
type Layout struct {
	// At is the moment that the windows reach back from, and Recent the recent window, which may end later.
	At     int64
	Recent base.Span
	// Historical is how long the rolling reference reaches back from At, and Gap how long before the recent window it ends.
	Historical, Gap time.Duration
	Reference
	// Zone is where weeks are counted.
	Zone *time.Location
}

// Check refuses what contradicts itself.
func (l *Layout) Check() error {
	pinned := l.pinned()
	switch {
	case l.Gap < 0:
		return queryError("the gap is negative")
	case l.Weeks < 0 || l.Weeks > WeeksMax:
		return queryError("the seasonal reference has not 1 to %d weeks", WeeksMax)
	case l.Weeks > 0 && (pinned || l.sibling()):
		return queryError("the reference is both seasonal and another one")
	case l.Weeks > 0 && l.Recent.From < base.SubMilli(l.until(), week):
		return queryError("the recent window is longer than a week, and the hours of other weeks are in it")
	case l.Version != "" && l.Previous:
		return queryError("the reference is both a version and the one before")
	case !pinned:
		return nil
	case l.From.IsZero() || !l.From.Before(l.To):
		return queryError("the pinned reference does not begin before it ends")
	case base.ClampMilli(l.To) > l.Recent.From:
		return queryError("the pinned reference reaches into the recent window")
	}
	return nil
}

func queryError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", base.ErrQuery, fmt.Sprintf(format, args...))
}

func (l *Layout) pinned() bool  { return !l.From.IsZero() || !l.To.IsZero() }
func (l *Layout) sibling() bool { return l.Version != "" || l.Previous }

// Rolling tells whether the reference is the history.
func (l *Layout) Rolling() bool { return !l.pinned() && !l.sibling() && l.Weeks == 0 }

// end is where the recent window ends, at the latest.
func (l *Layout) end() int64 {
	if l.Recent.To == base.MaxMilli {
		return l.At + 1
	}
	return l.Recent.To
}

// until is where the length of the recent window is counted to: the moment that it reaches back from, where it has that and all later ones.
func (l *Layout) until() int64 {
	if l.Recent.To == base.MaxMilli {
		return l.At
	}
	return l.Recent.To
}

// Reaching returns the layout with a recent window that reaches back to another time.
func (l *Layout) Reaching(from int64) Layout {
	other := *l
	other.Recent.From = from
	return other
}

// Earliest is the earliest time that the recent window may reach back to, of those after it would be so long.
func (l *Layout) Earliest(longest time.Duration) int64 {
	earliest := base.SubMilli(l.At, longest)
	if l.pinned() {
		earliest = max(earliest, base.ClampMilli(l.To))
	}
	return min(earliest, l.Recent.From)
}

// History is the time before the recent window and the gap.
func (l *Layout) History() base.Span {
	return base.Span{From: base.SubMilli(l.At, l.Historical), To: base.SubMilli(l.Recent.From, l.Gap)}
}

// Between is the gap between the history and the recent window.
func (l *Layout) Between() base.Span {
	return base.Span{From: max(base.SubMilli(l.Recent.From, l.Gap), l.History().From), To: l.Recent.From}
}

// Compared is the window of the reference.
func (l *Layout) Compared() query.Window {
	w := query.Window{Version: l.Version, Previous: l.Previous}
	switch {
	case l.pinned():
		w.Span = base.Span{From: base.ClampMilli(l.From), To: base.ClampMilli(l.To)}
	case l.sibling():
		w.Span = base.Span{From: base.SubMilli(l.At, l.Historical), To: l.Recent.To}
	case l.Weeks > 0:
		spans := l.Before(base.Span{From: l.Recent.From, To: l.end()}, l.Weeks)
		w.Span, w.More = spans[0], spans[1:]
	default:
		w.Span = l.History()
	}
	return w
}

// Extent is from when to when Compared goes; over several spans from the first to the last. short is set where a rolling reference has the
// time between too.
func (l *Layout) Extent(short bool) base.Span {
	w := l.Compared()
	s := w.Span
	if n := len(w.More); n > 0 {
		s.From = w.More[n-1].From
	}
	if short && l.Rolling() {
		s.To = l.Recent.From
	}
	s.To = min(s.To, l.end())
	return s
}

// Before returns the same hours of so many weeks before a span, the last one first. No moment is in two of them, nor in one and the span: of
// a window of a week, to the moment that it ends with, the weeks before end a moment earlier.
func (l *Layout) Before(s base.Span, weeks int) []base.Span {
	spans := make([]base.Span, weeks)
	if l.Zone == nil || l.Zone == time.UTC || s.From < -clocked || s.To > clocked {
		next := s.From
		for i := range spans {
			back := time.Duration(i+1) * week
			spans[i] = base.Span{From: base.SubMilli(s.From, back), To: min(base.SubMilli(s.To, back), next)}
			next = spans[i].From
		}
		return spans
	}
	clock := wallclock.In(l.Zone)
	from, to := clock.Shows(s.From), clock.Shows(s.To)
	next := s.From
	for i := range spans {
		back := int64(i+1) * weekMs
		spans[i].From = clock.First(from - back)
		spans[i].To = max(min(clock.First(to-back), next), spans[i].From)
		next = spans[i].From
	}
	return spans
}
