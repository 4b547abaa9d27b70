package event

import "time"

// Event is one prediction as a value: what [Batch.Add] takes and [Batch.Event]
// gives back. Batches, not Events, are how predictions travel.
type Event struct {
	// Timestamp is when the prediction was made, kept to the millisecond.
	Timestamp time.Time

	ModelID, PredictionID string

	// Features is a JSON text, stored as it stands.
	Features string

	PredictedValue float64

	// ActualValue counts only if HasActual is set: a prediction without its
	// actual is waiting.
	ActualValue float64
	HasActual   bool

	ModelVersion, Environment string
}
