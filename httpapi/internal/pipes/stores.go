package pipes

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Store is what every pipe may ask. The pipes that need more of a store are not in one that has it not.
type Store interface {
	// Metrics answers with all rows, EachMetrics hands them on one by one until yield returns false.
	Metrics(ctx context.Context, q engine.MetricsQuery) (engine.MetricsResult, error)
	EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(row *engine.MetricsRow) bool) (engine.Read, error)
	Drift(ctx context.Context, q engine.DriftQuery) (engine.DriftResult, error)
	EachReject(ctx context.Context, q engine.QuarantineQuery, yield func(row *engine.QuarantineRow) bool) (engine.Read, error)
	Stats() engine.Stats
}

// ReportStore is a Store that also answers reports, row by row until yield returns false. A store without it does not have their pipes.
type ReportStore interface {
	EachReport(ctx context.Context, q engine.ReportQuery, yield func(row *engine.ReportRow) bool) (engine.Read, error)
	EachDriftReport(ctx context.Context, q engine.DriftReportQuery, yield func(row *engine.DriftReportRow) bool) (engine.Read, error)
	EachBucket(ctx context.Context, q engine.TimeseriesQuery, yield func(row *engine.TimeseriesRow) bool) (engine.Read, error)
	ListModels(ctx context.Context, q engine.ModelsQuery, list engine.ModelsList, yield func(row *engine.ModelRow) bool) (engine.ModelsPage, error)
	EachVerdict(ctx context.Context, q engine.VerdictsQuery, yield func(row *engine.VerdictRow) bool) (engine.Read, error)
	Gauges(ctx context.Context, q engine.GaugesQuery) (engine.GaugesResult, error)
}

// RowStore is a Store that also answers with rows, batch by batch until yield returns false. A store without it does not have
// the pipe of them.
type RowStore interface {
	EachRows(ctx context.Context, q engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error)
}

// actualsStore is a store that takes actuals: there are rejected ones of no others.
type actualsStore interface {
	AppendActuals(ctx context.Context, actuals *event.Actuals) (engine.Appended, error)
	AppendActualsOnce(ctx context.Context, actuals *event.Actuals, key engine.Key) (engine.Appended, error)
}
