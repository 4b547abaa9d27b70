package verdict

import "slices"

// State is what is to be said of a version of a model, the first that needs somebody most.
type State uint8

// The states.
const (
	// Drift: the error rose by more than chance, and enough to matter.
	Drift State = iota
	// Silent: predictions are due and none comes, and no other version has taken over.
	Silent
	// ActualsStopped: predictions come, and actuals that are due do not.
	ActualsStopped
	// Warning: the error rose by as much as the lower gates ask for.
	Warning
	// Waiting: predictions come whose actuals are not due yet, or of which never one came.
	Waiting
	// New: there is nothing to compare with.
	New
	// OK: the error is as it was, or better.
	OK
	// TooFew: there is too little to tell.
	TooFew
	// Retired: another version has taken over, or predictions ended long ago.
	Retired
	stateCount
)

var stateTexts = [stateCount]string{"drift", "silent", "actuals_stopped", "warning", "waiting", "new", "ok", "too_few", "retired"}

func (s State) String() string { return stateTexts[s] }

// States returns the texts of all states, in their order.
func States() []string { return slices.Clone(stateTexts[:]) }

// StateOf finds a state by its text.
func StateOf(text string) (s State, ok bool) {
	i := slices.Index(stateTexts[:], text)
	return State(max(i, 0)), i >= 0
}

// Hot tells whether a state is one that somebody has to look at.
func (s State) Hot() bool { return s <= Warning }

const hour = 60 * 60 * 1000 // milliseconds

const (
	// Enough is how many that were due must be missing. How many are due is an estimate: of the same hours of two weeks it is so many by
	// chance, while none comes, in (2/3)^20 of all looks, which is once in 3,000.
	Enough = 10
	// QuietAfter is after how long without a prediction a version may be silent though the recent window has some.
	QuietAfter = 2 * hour
	// QuietDue is how many predictions must have been due in that time.
	QuietDue = 50
	// LagShare says when an actual is due: once the lag that 95 % keep to is this share of the prediction's age.
	LagShare = 0.75
)

// Gated is what the gates say of an error.
type Gated uint8

// What the gates say: no verdict for want of a reference or of data, or one.
const (
	NoReference Gated = iota
	InsufficientData
	Passed
	Warned
	Drifted
)

// Facts are what is known of a version at the moment At. Times are Unix milliseconds.
type Facts struct {
	At    int64
	Gated Gated
	// RecentFrom is where the recent window begins.
	RecentFrom int64
	// Recent and RecentActuals count the predictions of the recent window and those of them that have an actual, Before the
	// predictions of the history before it, Actuals all actuals there ever were.
	Recent, RecentActuals, Before, Actuals uint64
	// Last is the newest prediction, LastOfOthers that of all other versions of the model and environment, of which there need
	// be none: it is then less than any time.
	Last, LastOfOthers int64

	// Due is how many predictions were to be expected since Last. It matters where AsksDue says so.
	Due float64
	// ActualsDue is how many actuals were to be expected since the last one. It matters where AsksActuals says so.
	ActualsDue float64
}

// replaced tells whether predictions go to another version now.
func (f *Facts) replaced() bool { return f.LastOfOthers > f.Last }

// ended tells whether predictions ended before all windows.
func (f *Facts) ended() bool { return f.Recent == 0 && f.Before == 0 }

// AsksDue tells whether the state depends on Due.
func (f *Facts) AsksDue() bool {
	if f.Gated == Drifted || f.replaced() || f.ended() {
		return false
	}
	return f.Recent == 0 || f.At-f.Last >= QuietAfter
}

// AsksActuals tells whether the state depends on ActualsDue.
func (f *Facts) AsksActuals() bool { return f.Recent > 0 && f.RecentActuals == 0 && f.Actuals > 0 }

// DueLeast returns how many predictions must have been due for the version to be silent.
func (f *Facts) DueLeast() float64 {
	if f.Recent == 0 {
		return Enough
	}
	return QuietDue
}

// silent tells whether more predictions were due than chance keeps away.
func (f *Facts) silent() bool { return f.AsksDue() && f.Due >= f.DueLeast() }

// Of returns the first state that fits the facts. A drift comes before retirement and silence: the recent rows that show it were
// acted on, whatever comes after them.
func Of(f *Facts) State {
	switch {
	case f.Gated == Drifted:
		return Drift
	case f.ended(), f.Recent == 0 && f.replaced():
		return Retired
	case f.silent():
		return Silent
	case f.AsksActuals() && f.ActualsDue >= Enough:
		return ActualsStopped
	case f.Gated == Warned:
		return Warning
	case f.Recent > 0 && f.RecentActuals == 0:
		return Waiting
	case f.Gated == NoReference && f.Recent > 0:
		return New
	case f.Gated == Passed:
		return OK
	}
	return TooFew
}

// Rate is how many were to be expected in a time, of so many that came in another one.
func Rate(came uint64, in, due int64) float64 {
	return float64(came) * float64(due) / float64(max(in, hour))
}
