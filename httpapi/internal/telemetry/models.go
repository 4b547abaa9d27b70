package telemetry

import (
	"math"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

// gauge is a family of what /metrics says of every model. Its samples have the labels model_id and environment, which
// stay when another version takes over; its name follows residual_model_.
type gauge struct {
	name, help string
	// value returns NaN where there is no sample.
	value func(*engine.GaugesRow) float64
}

var gauges = [...]gauge{
	{"last_prediction_timestamp_seconds", "Timestamp of the newest prediction, Unix seconds.", func(r *engine.GaugesRow) float64 { return encode.UnixSeconds(r.LastPrediction) }},
	{"predictions", "Predictions of the last 24 hours, with and without an actual.", func(r *engine.GaugesRow) float64 { return float64(r.PredictionCount) }},
	{"actuals", "Predictions of the last 24 hours with an actual.", func(r *engine.GaugesRow) float64 { return float64(r.ActualCount) }},
	{"coverage", "Share of the predictions of the last 24 hours that have an actual.", func(r *engine.GaugesRow) float64 { return r.ActualCoverage.Float64() }},
	{"versions_without_actuals", "Versions with predictions in the last 24 hours and no actual in the last 7 days.", func(r *engine.GaugesRow) float64 { return float64(r.VersionsWithoutActuals) }},
	{"rmse", "RMSE of the latest version, last 24 hours.", func(r *engine.GaugesRow) float64 { return errorSample(r.RMSE) }},
	{"mae", "MAE of the latest version, last 24 hours.", func(r *engine.GaugesRow) float64 { return errorSample(r.MAE) }},
	{"recent_actuals", "Predictions with an actual that the drift rests on: last 6 hours.", func(r *engine.GaugesRow) float64 { return float64(r.Drift.Recent.ActualCount) }},
	{"reference_actuals", "Predictions with an actual that the drift is measured against: 7 days up to the last 6 hours.", func(r *engine.GaugesRow) float64 { return float64(r.Drift.Reference.ActualCount) }},
	{"drift", "MAE of the last 6 hours against that of the 7 days up to there, as a ratio: 0.25 is a quarter worse.", func(r *engine.GaugesRow) float64 { return r.Drift.RelativeChange.Float64() }},
	{"drift_z", "The difference of these two MAEs over its standard error.", func(r *engine.GaugesRow) float64 { return r.Drift.Z.Float64() }},
}

// errorSample is an error as a sample: one beyond float64 is infinite, so that a rule with a threshold still fires.
func errorSample(v engine.Value) float64 {
	if v.Null == engine.BeyondFloat64 {
		return math.Inf(1)
	}
	return v.Float64()
}

// WriteModels writes how models stand in their environments, of which gaugesMax have gauges at most. What is not known has no sample.
func WriteModels(w *encode.Exposition, result *engine.GaugesResult, gaugesMax int) {
	for i := range gauges {
		w.Family("residual_model_"+gauges[i].name, "gauge", gauges[i].help)
		for j := range result.Rows {
			r := &result.Rows[j]
			if value := gauges[i].value(r); !math.IsNaN(value) {
				w.Sample("", value, "model_id", r.Model, "environment", r.Environment)
			}
		}
	}
	w.Family("residual_model_status", "gauge", "The verdict on drift: 1 for the status that it is, 0 for each other.")
	for i := range result.Rows {
		r := &result.Rows[i]
		w.States("status", engine.DriftStatuses(), r.Drift.Status.String(), "model_id", r.Model, "environment", r.Environment)
	}
	w.Family("residual_model_state", "gauge", "The state of the version that needs somebody most: 1 for the state that it is, 0 for each other.")
	for i := range result.Rows {
		r := &result.Rows[i]
		w.States("state", engine.ModelStates(), r.State.String(), "model_id", r.Model, "environment", r.Environment)
	}
	w.Gauge("residual_model_gauges_left_out",
		"Models, once for each environment, that are beyond the bound on gauges or in another environment.",
		float64(result.LeftOut))
	w.Gauge("residual_model_gauges_max",
		"Models, once for each environment, that have gauges at most.", float64(gaugesMax))
}
