package httpapi

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/backups"
	"github.com/residualdb/residual/httpapi/internal/pipes"
)

// Store is what the server needs of an engine. Implementations are safe for concurrent use and do not retain batches.
type Store interface {
	// Append stores a batch and its rejects; when it returns they are durable and visible.
	Append(ctx context.Context, batch *event.Batch) (engine.Appended, error)
	// AppendOnce is Append for a request that may be repeated.
	AppendOnce(ctx context.Context, batch *event.Batch, key engine.Key) (engine.Appended, error)
	// Rules bounds the timestamps a decoder accepts now.
	Rules() event.Rules

	// Metrics answers with all rows, EachMetrics hands them on one by one until yield returns false.
	Metrics(ctx context.Context, q engine.MetricsQuery) (engine.MetricsResult, error)
	EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(row *engine.MetricsRow) bool) (engine.Read, error)
	Drift(ctx context.Context, q engine.DriftQuery) (engine.DriftResult, error)
	EachReject(ctx context.Context, q engine.QuarantineQuery, yield func(row *engine.QuarantineRow) bool) (engine.Read, error)

	Health() engine.Health
	Stats() engine.Stats
}

var _ Store = (*engine.DB)(nil)

// ActualsStore is a Store that also takes actuals which arrive after their predictions. A store without it does not
// have the data source ml_model_actuals.
type ActualsStore interface {
	// AppendActuals stores actuals and their rejects; when it returns they are durable and count.
	AppendActuals(ctx context.Context, actuals *event.Actuals) (engine.Appended, error)
	// AppendActualsOnce is AppendActuals for a request that may be repeated.
	AppendActualsOnce(ctx context.Context, actuals *event.Actuals, key engine.Key) (engine.Appended, error)
}

// OriginStore is a Store that also knows what its rows are from, and has a quarantine for each data source. A store without it has no
// data sources but those that every server has.
type OriginStore interface {
	// AppendFrom is Append for the rows of a data source, AppendOnceFrom is AppendOnce.
	AppendFrom(ctx context.Context, batch *event.Batch, o engine.Origin) (engine.Appended, error)
	AppendOnceFrom(ctx context.Context, batch *event.Batch, key engine.Key, o engine.Origin) (engine.Appended, error)
	// AppendActualsFrom is AppendActuals for a data source, AppendActualsOnceFrom is AppendActualsOnce.
	AppendActualsFrom(ctx context.Context, actuals *event.Actuals, o engine.Origin) (engine.Appended, error)
	AppendActualsOnceFrom(ctx context.Context, actuals *event.Actuals, key engine.Key, o engine.Origin) (engine.Appended, error)
}

var _ OriginStore = (*engine.DB)(nil)

// RevisionStore is a Store that also tells whether what it answers may have changed. Answers of a store without it have no
// entity tags.
type RevisionStore interface {
	// Revision is a number of the models of a pattern, of those within another one, that is another one whenever an answer about
	// them may be, but for what the time does. It says nothing about other models.
	Revision(ctx context.Context, models, within string) (uint64, error)
	// QuarantineRevision is the same of all rejected lines.
	QuarantineRevision() uint64
}

var _ RevisionStore = (*engine.DB)(nil)

// DeletingStore is a Store from which can be deleted. A store without it has no route for that.
type DeletingStore interface {
	// DeleteRows deletes durably and visibly; CountDeletion counts what it would delete.
	DeleteRows(ctx context.Context, d engine.Deletion) (engine.Deleted, error)
	CountDeletion(ctx context.Context, d engine.Deletion) (engine.Deleted, error)
}

var _ DeletingStore = (*engine.DB)(nil)

type (
	// ReportStore is a Store that also answers reports. A store without it does not have their pipes.
	ReportStore = pipes.ReportStore
	// RowStore is a Store that also answers with rows. A store without it does not have the pipes of them.
	RowStore = pipes.RowStore
	// BackupStore is a Store that can be copied while it is written. A store without it has no route for that.
	BackupStore = backups.Store
)

var (
	_ ReportStore = (*engine.DB)(nil)
	_ RowStore    = (*engine.DB)(nil)
	_ BackupStore = (*engine.DB)(nil)
)
