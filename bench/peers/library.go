//go:build linux

package main

import (
	"context"
	"sync"
	"time"

	residualdb "github.com/residualdb/residual/engine"
)

// library asks a directory of Residual that no server has open, in this process.
type library struct{ db *residualdb.DB }

func openLibrary(dir string) (library, error) {
	db, err := residualdb.Open(dir, residualdb.Options{MemoryLimitBytes: 8 << 30})
	return library{db}, err
}

func (l library) metrics(ctx context.Context, q question, d dataset) (residualdb.MetricsResult, error) {
	return l.db.Metrics(ctx, residualdb.MetricsQuery{
		Model: d.asked.Model, Version: d.asked.Version, Environment: d.asked.Environment,
		Window: hours(q.recent), AsOf: d.asOf,
	})
}

func (l library) drift(ctx context.Context, q question, d dataset) (residualdb.DriftResult, error) {
	return l.db.Drift(ctx, residualdb.DriftQuery{
		Model: d.asked.Model, Environment: d.asked.Environment,
		Recent: hours(q.recent), Historical: hours(q.historical), AsOf: d.asOf,
	})
}

func (l library) ask(ctx context.Context, q question, d dataset) (answer, error) {
	var rows answer
	if q.isDrift() {
		result, err := l.drift(ctx, q, d)
		for _, r := range result.Rows {
			rows = append(rows, map[string]any{
				"model_id": r.Model, "model_version": r.Version, "environment": r.Environment,
				"recent_mae": r.RecentMAE, "historical_mae": r.HistoricalMAE, "drift_percentage": r.DriftPercentage,
				"recent_count": r.RecentCount, "historical_count": r.HistoricalCount, "analysis_timestamp": d.asOf,
			})
		}
		return rows, err
	}
	result, err := l.metrics(ctx, q, d)
	for _, r := range result.Rows {
		rows = append(rows, map[string]any{
			"model_id": r.Model, "model_version": r.Version, "environment": r.Environment,
			"prediction_count": r.PredictionCount, "rmse": r.RMSE, "mae": r.MAE,
			"period_start": r.PeriodStart.Format(time.DateTime), "period_end": r.PeriodEnd.Format(time.DateTime),
		})
	}
	return rows, err
}

// call is the question alone, without making rows of its answer.
func (l library) call(ctx context.Context, q question, d dataset) func() error {
	if q.isDrift() {
		return func() error { _, err := l.drift(ctx, q, d); return err }
	}
	return func() error { _, err := l.metrics(ctx, q, d); return err }
}

func (l library) latencies(ctx context.Context, q question, d dataset, e effort) ([]float64, error) {
	return repeat(e, l.call(ctx, q, d))
}

func (l library) throughput(ctx context.Context, q question, d dataset, clients int, e effort) (float64, error) {
	return hammer(clients, e, l.call(ctx, q, d))
}

func (l library) close() error { return l.db.Close() }

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

// hammer lets so many goroutines ask for the time of the effort, and returns answers per second.
func hammer(clients int, e effort, ask func() error) (float64, error) {
	counts, errs := make([]int, clients), make([]error, clients)
	begin := time.Now()
	end := begin.Add(e.duration())
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			for time.Now().Before(end) && errs[i] == nil {
				errs[i] = ask()
				counts[i]++
			}
		})
	}
	running.Wait()
	total := 0
	for i := range clients {
		if errs[i] != nil {
			return 0, errs[i]
		}
		total += counts[i]
	}
	return float64(total) / time.Since(begin).Seconds(), nil
}
