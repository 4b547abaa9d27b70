package engine_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// exampleDB opens a store with an hour-old prediction every minute of the last two days; in the last six hours the
// model is off by 3 instead of by 1.
func exampleDB() (*engine.DB, func()) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	dir, err := os.MkdirTemp("", "residual")
	if err != nil {
		log.Fatal(err)
	}
	db, err := engine.Open(dir, engine.Options{Now: func() time.Time { return now }})
	if err != nil {
		log.Fatal(err)
	}
	var batch event.Batch
	for i := range 2 * 24 * 60 {
		at := now.Add(-time.Duration(i) * time.Minute)
		off := 1.0
		if now.Sub(at) <= 6*time.Hour {
			off = 3
		}
		err := batch.Add(event.Event{
			Timestamp: at, ModelID: "price", PredictionID: fmt.Sprint("p", i), Features: `{"rooms":3}`,
			PredictedValue: 100 + off, ActualValue: 100, HasActual: true, ModelVersion: "v2", Environment: "production",
		}, db.Rules())
		if err != nil {
			log.Fatal(err)
		}
	}
	if _, err := db.Append(context.Background(), &batch); err != nil {
		log.Fatal(err)
	}
	return db, func() {
		if err := db.Close(); err != nil {
			log.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			log.Fatal(err)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "residual")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := engine.Open(dir, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var batch event.Batch
	err = batch.Add(event.Event{
		Timestamp: time.Now(), ModelID: "price", PredictionID: "pred_1", Features: `{"rooms":3}`,
		PredictedValue: 42.5, ActualValue: 45.1, HasActual: true, ModelVersion: "v1.2.3", Environment: "production",
	}, db.Rules())
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Append(context.Background(), &batch); err != nil { // durable and visible from here on
		log.Fatal(err)
	}
	answer, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "price"})
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range answer.Rows {
		fmt.Printf("%s %s: %d prediction, mae %.2f, rmse %.2f\n", row.Model, row.Version, row.PredictionCount, row.MAE, row.RMSE)
	}
	// Output: price v1.2.3: 1 prediction, mae 2.60, rmse 2.60
}

func ExampleDB_Metrics() {
	db, done := exampleDB()
	defer done()
	answer, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "price", Window: 12 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	row := answer.Rows[0]
	fmt.Printf("%d predictions since %s, mae %.3f\n", row.PredictionCount, row.PeriodStart.Format(time.DateTime), row.MAE)
	// Output: 721 predictions since 2026-11-01 00:00:00, mae 2.001
}

func ExampleDB_Drift() {
	db, done := exampleDB()
	defer done()
	answer, err := db.Drift(context.Background(), engine.DriftQuery{Model: "price"})
	if err != nil {
		log.Fatal(err)
	}
	row := answer.Rows[0]
	fmt.Printf("%s: recent mae %g over %d, historical mae %g over %d: %+.0f %%\n", row.Version,
		row.RecentMAE, row.RecentCount, row.HistoricalMAE, row.HistoricalCount, 100*row.DriftPercentage)
	// Output: v2: recent mae 3 over 361, historical mae 1 over 2519: +200 %
}

func ExampleDB_Rows() {
	db, done := exampleDB()
	defer done()
	worst := engine.RowsQuery{
		Model: "price", Window: 12 * time.Hour, Order: engine.WorstFirst, Limit: 3,
		Features: []engine.FeatureCondition{{Key: "rooms", Op: engine.GreaterOrEqual, Value: "3"}},
	}
	for batch, err := range db.Rows(context.Background(), worst) {
		if err != nil {
			log.Fatal(err)
		}
		for i := range batch.Len() {
			at := time.UnixMilli(batch.Times[i]).UTC().Format(time.DateTime)
			version := batch.Series[batch.SeriesOf[i]].Version
			fmt.Printf("%s %s %s: off by %g, %s\n", at, version, batch.IDs.At(i), batch.Predicted[i]-batch.Actual[i], batch.Features.At(i))
		}
	}
	// Output:
	// 2026-11-01 06:00:00 v2 p360: off by 3, {"rooms":3}
	// 2026-11-01 06:01:00 v2 p359: off by 3, {"rooms":3}
	// 2026-11-01 06:02:00 v2 p358: off by 3, {"rooms":3}
}
