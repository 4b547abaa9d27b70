package event

import (
	"time"
)

// Event is one prediction as a value: what [Batch.Add] takes and [Batch.Event] gives back. Batches, not Events, are how
// predictions travel.
type Event struct {
	// Timestamp is when the prediction was made, kept to the millisecond.
	Timestamp time.Time

	ModelID, PredictionID string

	// Features is a JSON text, stored as it stands.
	Features string

	PredictedValue float64

	// ActualValue counts only if HasActual is set: a prediction without its actual is waiting.
	ActualValue float64
	HasActual   bool

	ModelVersion, Environment string
}

// Actual is one actual as a value: what [Actuals.Add] takes and [Actuals.Actual] gives back. Like an [Event], it is not
// how actuals travel.
type Actual struct {
	ModelID, PredictionID string

	// Value counts unless Withdrawn is set: then the predictions are to have no actual any more.
	Value     float64
	Withdrawn bool

	// Observed is when the actual was seen, kept to the millisecond. The zero Time means that nobody said.
	Observed time.Time

	// ModelVersion and Environment narrow down which predictions the actual is about; empty stands for every one.
	ModelVersion, Environment string
}

// Actual returns row i as a value of its own.
func (a *Actuals) Actual(i int) Actual {
	scope := a.Scopes[a.ScopeOf[i]]
	x := Actual{
		ModelID:      a.Models[a.ModelOf[i]],
		PredictionID: string(a.IDs.At(i)),
		Value:        a.Values[i],
		Withdrawn:    !a.Known.Get(i),
		ModelVersion: scope.Version,
		Environment:  scope.Environment,
	}
	if ms := a.Observed[i]; ms != 0 {
		x.Observed = time.UnixMilli(ms).UTC()
	}
	return x
}

// check returns the first column at fault, in the order of the schema.
func (x *Actual) check(rules *Rules) (column, fault) {
	ms := noTime
	if !x.Observed.IsZero() {
		ms = x.Observed.UnixMilli()
		if f := rules.check(ms); f != faultNone {
			return colTimestamp, f
		}
	}
	if f := checkNameString(x.ModelID); f != faultNone {
		return colModel, f
	}
	if f := checkNameString(x.PredictionID); f != faultNone {
		return colID, f
	}
	if !x.Withdrawn && !isFinite(x.Value) {
		return colActual, faultNotFinite
	}
	if f := checkScopeString(x.ModelVersion); f != faultNone {
		return colVersion, f
	}
	if f := checkScopeString(x.Environment); f != faultNone {
		return colEnvironment, f
	}
	return rules.ofModel(x.ModelID, ms)
}

// checkScopeString checks a name that may be left out.
func checkScopeString(s string) fault {
	if s == "" {
		return faultNone
	}
	return checkNameString(s)
}
