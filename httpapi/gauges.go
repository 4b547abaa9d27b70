package httpapi

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/residualdb/residual/engine"
)

// gauge is a family of what /metrics says of every model. Its samples have the labels model_id and environment, which
// stay when another version takes over.
type gauge struct {
	name, help string
	// value returns NaN where there is no sample.
	value func(*engine.GaugesRow) float64
}

var gauges = [...]gauge{
	{
		"residual_model_last_prediction_timestamp_seconds", "Timestamp of the newest prediction, Unix seconds.",
		func(r *engine.GaugesRow) float64 { return unixSeconds(r.LastPrediction) },
	},
	{
		"residual_model_predictions", "Predictions of the last 24 hours, with and without an actual.",
		func(r *engine.GaugesRow) float64 { return float64(r.PredictionCount) },
	},
	{
		"residual_model_actuals", "Predictions of the last 24 hours with an actual.",
		func(r *engine.GaugesRow) float64 { return float64(r.ActualCount) },
	},
	{
		"residual_model_coverage", "Share of the predictions of the last 24 hours that have an actual.",
		func(r *engine.GaugesRow) float64 { return r.ActualCoverage.Float64() },
	},
	{
		"residual_model_versions_without_actuals",
		"Versions with predictions in the last 24 hours and no actual in the last 7 days.",
		func(r *engine.GaugesRow) float64 { return float64(r.VersionsWithoutActuals) },
	},
	{
		"residual_model_rmse", "RMSE of the latest version, last 24 hours.",
		func(r *engine.GaugesRow) float64 { return errorSample(r.RMSE) },
	},
	{
		"residual_model_mae", "MAE of the latest version, last 24 hours.",
		func(r *engine.GaugesRow) float64 { return errorSample(r.MAE) },
	},
	{
		"residual_model_recent_actuals", "Predictions with an actual that the drift rests on: last 6 hours.",
		func(r *engine.GaugesRow) float64 { return float64(r.Drift.Recent.ActualCount) },
	},
	{
		"residual_model_reference_actuals",
		"Predictions with an actual that the drift is measured against: 7 days up to the last 6 hours.",
		func(r *engine.GaugesRow) float64 { return float64(r.Drift.Reference.ActualCount) },
	},
	{
		"residual_model_drift",
		"MAE of the last 6 hours against that of the 7 days up to there, as a ratio: 0.25 is a quarter worse.",
		func(r *engine.GaugesRow) float64 { return r.Drift.RelativeChange.Float64() },
	},
	{
		"residual_model_drift_z", "The difference of these two MAEs over its standard error.",
		func(r *engine.GaugesRow) float64 { return r.Drift.Z.Float64() },
	},
}

// errorSample is an error as a sample: one beyond float64 is infinite, so that a rule with a threshold still fires.
func errorSample(v engine.Value) float64 {
	if v.Null == engine.BeyondFloat64 {
		return math.Inf(1)
	}
	return v.Float64()
}

// unixSeconds is a time as Prometheus has it.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// askGauges asks for one scrape after the other, so that many at a time do not cost more than one.
func (s *Server) askGauges(store ReportStore) (engine.GaugesResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	select {
	case s.gauging <- struct{}{}:
	case <-ctx.Done():
		return engine.GaugesResult{}, fmt.Errorf("wait for the scrapes before: %w", ctx.Err())
	}
	defer func() { <-s.gauging }()
	return store.Gauges(ctx, engine.GaugesQuery{
		Environments: s.opts.ModelGaugesEnvironments, For: s.opts.ModelGaugesFor, Max: s.opts.ModelGaugesMax,
	})
}

// writeModels writes how each model stands in its environments, for the first ModelGaugesMax of them by name. Whoever
// was seen within ModelGaugesFor has its counts; what is not known has no sample. A store without reports has none.
func (s *Server) writeModels(w *exposition, store Store) {
	reports, ok := store.(ReportStore)
	if s.opts.NoModelGauges || !ok {
		return
	}
	result, err := s.askGauges(reports)
	if err != nil {
		s.counts.gaugesFailed.Add(1)
		s.log.warn("the gauges of models are left out", "error", err)
	}
	w.counter("residual_model_gauges_failures_total",
		"Scrapes without the gauges of models, for want of an answer in time.", s.counts.gaugesFailed.Load())
	if err != nil {
		return
	}
	for i := range gauges {
		w.family(gauges[i].name, "gauge", gauges[i].help)
		for j := range result.Rows {
			r := &result.Rows[j]
			if value := gauges[i].value(r); !math.IsNaN(value) {
				w.sample("", value, "model_id", r.Model, "environment", r.Environment)
			}
		}
	}
	w.family("residual_model_status", "gauge", "The verdict on drift: 1 for the status that it is, 0 for each other.")
	for i := range result.Rows {
		r := &result.Rows[i]
		w.states(kindStates[kindDriftStatus], r.Drift.Status.String(), "model_id", r.Model, "environment", r.Environment)
	}
	w.gauge("residual_model_gauges_left_out",
		"Models, once for each environment, that are beyond the bound on gauges or in another environment.",
		float64(result.LeftOut))
	w.gauge("residual_model_gauges_max",
		"Models, once for each environment, that have gauges at most.", float64(s.opts.ModelGaugesMax))
}
