package segment

import "github.com/residualdb/residual/segment/internal/exact"

// Summary is what an engine of floats adds rows up to, for [Aggregate.AddSummary]. e is predicted-actual, rounded, over the rows with an
// actual. All numbers are finite.
type Summary struct {
	Counts
	// ErrorsOver and ErrorsUnder are the sums of e where it is above zero, and of -e where it is below. ErrorsSpread is the sum of
	// the squares of what |e| is away from its mean, and SquaresSpread the same of e^2.
	ErrorsOver, ErrorsUnder     float64
	ErrorsSpread, SquaresSpread float64
	MaxAbsError                 float64

	// PercentRows are the rows whose actual is not zero, Percent the sum of |e|/|actual| over them, and Symmetric that of
	// 2|e|/(|predicted|+|actual|).
	PercentRows        uint64
	Percent, Symmetric float64
	// ActualOver, ActualUnder and ActualSpread say of the actuals what the above says of the errors, but that the spread is that of the
	// actuals with their signs. ActualSize is the size of one of them.
	ActualOver, ActualUnder  float64
	ActualSpread, ActualSize float64
}

// AddSummary adds rows that were added up elsewhere: answers are then as near to exact as the numbers of the summary are, and
// deviations as near as its spreads. Beyond WantSpread there is nothing to add for less than [WantAll].
func (a *Aggregate) AddSummary(want Want, s *Summary) {
	a.AddCounts(&s.Counts)
	errors := exact.Rounded{N: s.Actuals, Over: s.ErrorsOver, Under: s.ErrorsUnder, Spread: s.ErrorsSpread, Size: s.MaxAbsError}
	a.Errors.AddRounded(&errors, s.SquaresSpread)
	if want < WantAll {
		return
	}
	a.MaxAbsError = max(a.MaxAbsError, s.MaxAbsError)
	a.PercentRows += s.PercentRows
	a.Percent.Add(s.Percent)
	a.Symmetric.Add(s.Symmetric)
	a.Actual.AddRounded(&exact.Rounded{N: s.Actuals, Over: s.ActualOver, Under: s.ActualUnder, Spread: s.ActualSpread, Size: s.ActualSize})
}
