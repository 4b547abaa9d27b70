package engine

import (
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
)

// Gates decide between noise and drift. Both gates of a status must be passed: the change must be larger than chance
// makes it, and large enough to matter.
type Gates struct {
	// DriftZ and DriftChange are the least z and relative change of the status drift, WarningZ and WarningChange those
	// of warning.
	DriftZ, DriftChange     float64
	WarningZ, WarningChange float64
	// MinRecent and MinReference are the least numbers of actuals, MinCoverage the least share of predictions with an
	// actual; below any of them there is insufficient data.
	MinRecent, MinReference uint64
	MinCoverage             float64
}

// DefaultGates are what the zero Gates stand for.
func DefaultGates() Gates {
	return Gates{DriftZ: 3, DriftChange: 0.2, WarningZ: 2, WarningChange: 0.1, MinRecent: 30, MinReference: 100}
}

func (g Gates) withDefaults() (Gates, error) {
	g = base.OrDefault(g, DefaultGates())
	for _, f := range [...]float64{g.DriftZ, g.DriftChange, g.WarningZ, g.WarningChange} {
		if !(f >= 0) || math.IsInf(f, 1) {
			return g, queryError("a gate is not a number from zero on")
		}
	}
	if !(g.MinCoverage >= 0 && g.MinCoverage <= 1) {
		return g, queryError("the least coverage is not between 0 and 1")
	}
	return g, nil
}

// DriftStatus is the verdict of the gates, the worst first.
type DriftStatus uint8

// The verdicts.
const (
	DriftFound DriftStatus = iota
	DriftWarning
	DriftOK
	DriftInsufficientData
	DriftNoReference
	driftStatusCount
)

var driftStatusTexts = [driftStatusCount]string{"drift", "warning", "ok", "insufficient_data", "no_reference"}

func (s DriftStatus) String() string { return driftStatusTexts[s] }

// DriftStatuses returns the texts of all statuses, the worst first.
func DriftStatuses() []string { return slices.Clone(driftStatusTexts[:]) }

// Direction is the way an error moved.
type Direction uint8

// The directions. NoDirection is that of windows that cannot be compared.
const (
	NoDirection Direction = iota
	Same
	Worse
	Better
	directionCount
)

var directionTexts = [directionCount]string{"", "same", "worse", "better"}

func (d Direction) String() string { return directionTexts[d] }

// verdictOf returns the verdict on a comparison, and why where there is none.
func (g *Gates) verdictOf(c *Comparison) (status DriftStatus, reason string) {
	recent, reference := &c.Recent, &c.Reference
	switch {
	case reference.ActualCount == 0:
		return DriftNoReference, NoReference.String()
	case recent.ActualCount == 0:
		return DriftInsufficientData, "recent: " + recent.MAE.Null.String()
	case recent.ActualCount < g.MinRecent:
		return DriftInsufficientData, fewText("recent: ", recent.ActualCount, g.MinRecent)
	case reference.ActualCount < g.MinReference:
		return DriftInsufficientData, fewText("reference: ", reference.ActualCount, g.MinReference)
	case recent.ActualCoverage.Number < g.MinCoverage:
		return DriftInsufficientData, "recent: " + coverageText(recent.ActualCoverage.Number, g.MinCoverage)
	case reference.ActualCoverage.Number < g.MinCoverage:
		return DriftInsufficientData, "reference: " + coverageText(reference.ActualCoverage.Number, g.MinCoverage)
	case c.Direction == NoDirection:
		return DriftInsufficientData, BeyondFloat64.String()
	case c.Direction != Worse:
		return DriftOK, ""
	}
	return g.verdict(c.Z, c.RelativeChange), ""
}

// verdict says which gates a difference passes, whatever its sign. One from an error of zero is larger than any share,
// and one between errors that do not vary is no chance.
func (g *Gates) verdict(z, change Value) DriftStatus {
	passes := func(leastZ, leastChange float64) bool {
		certain := z.Null == ConstantErrors || z.Null == Present && math.Abs(z.Number) >= leastZ
		matters := change.Null == ZeroReference || change.Null == Present && math.Abs(change.Number) >= leastChange
		return certain && matters
	}
	switch {
	case passes(g.DriftZ, g.DriftChange):
		return DriftFound
	case passes(g.WarningZ, g.WarningChange):
		return DriftWarning
	}
	return DriftOK
}
