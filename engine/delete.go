package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/publish"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/record"
)

// Deletion says what is to be deleted: the rows of which each list has the name, or that are in all of them if every list is empty.
type Deletion struct {
	// Source is the data source. Default: SourcePredictions, whose rows are meant. Of SourceActuals the actuals are meant that are
	// remembered for predictions still to come, those that were sent for the versions and environments that are named; rows keep
	// the actuals that they have.
	Source string
	// Rejects has the lines of the source in the quarantine deleted, all of them, and nothing else. The source may be any then, see
	// [Origin].
	Rejects bool
	// Within bounds the deletion to models, as that of a [MetricsQuery] does; empty for no bound.
	Within string
	// Models, Versions, Environments and IDs are names, and no patterns. One that is empty has all of them.
	Models, Versions, Environments, IDs []string
	// From and To are a half-open interval of timestamps; a zero time is no bound.
	From, To time.Time
}

// Deleted is what a deletion has deleted, or would.
type Deleted struct {
	// Rows are predictions.
	Rows uint64
	// Actuals are those that were remembered for rows still to come, without those that were withdrawn, Rejects lines of the
	// quarantine.
	Actuals, Rejects int
	// LSN is the log sequence number of the deletion, 0 if there was none to log.
	LSN uint64
}

// DeleteRows deletes what d says. When it returns nil that is durable, no query sees it any more, and rows sent from then on stay. A
// batch that is sent again under its idempotency key does not bring its rows back. Of the actuals that are remembered, those of the
// models and ids go too, unless d names versions, environments or a window: then they stay for rows that are sent again. The next
// checkpoint, and merges after it, give the space back, and nothing of what was deleted is left in a file.
func (db *DB) DeleteRows(ctx context.Context, d Deletion) (Deleted, error) {
	r, err := d.record()
	if err != nil {
		return Deleted{}, err
	}
	if err := db.begin(); err != nil {
		return Deleted{}, err
	}
	defer db.end()
	if r.Window.Empty() {
		return Deleted{}, nil
	}
	lsn, x, err := db.commits.Delete(ctx, &record.Record{Deletion: r})
	if err != nil {
		return Deleted{}, err
	}
	rows, remembered, rejects := x.Deleted()
	return Deleted{Rows: uint64(rows), Actuals: remembered, Rejects: rejects, LSN: lsn}, nil
}

// CountDeletion returns what DeleteRows would delete now, model by model: appends go on meanwhile.
func (db *DB) CountDeletion(ctx context.Context, d Deletion) (count Deleted, err error) {
	r, err := d.record()
	if err != nil {
		return Deleted{}, err
	}
	if err := db.begin(); err != nil {
		return Deleted{}, err
	}
	defer db.end()
	aim := publish.NewAim(r, within)
	switch {
	case r.Window.Empty():
		return Deleted{}, nil
	case r.Target == record.TargetRejects:
		return Deleted{Rejects: db.quarantine.Count(r.Source)}, nil
	case r.Target == record.TargetRows:
		if count.Rows, err = db.countRows(ctx, aim); err != nil {
			return Deleted{}, err
		}
	}
	count.Actuals = db.publisher.Remembered().Count(func(a *actuals.Actual) bool { return aim.Fate(a) == actuals.Forgotten })
	return count, nil
}

// countRows counts the rows that a deletion means.
func (db *DB) countRows(ctx context.Context, aim *publish.Aim) (rows uint64, err error) {
	if len(aim.IDs) > 0 {
		release, err := db.checkpointer.IndexFor(&record.Record{Deletion: aim.Deletion})
		if err != nil {
			return 0, err
		}
		defer release()
	}
	counter := catalog.NewRowCounter(&aim.Rows, db.hash)
	db.models.Range(func(name string, m *catalog.Model) bool {
		if !aim.HasModel(name) {
			return true
		}
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("count what a deletion means: %w", err)
			return false
		}
		var n uint64
		n, err = counter.Count(m)
		rows += n
		return err == nil
	})
	return rows, err
}

// record returns the deletion as it stands in the log.
func (d *Deletion) record() (*record.Deletion, error) {
	r := &record.Deletion{
		Within: d.Within, Models: d.Models, Versions: d.Versions, Environments: d.Environments, IDs: d.IDs, Window: record.AllTimes,
	}
	if !d.From.IsZero() {
		r.Window.From = base.ClampMilli(d.From.Add(time.Millisecond - 1)) // the first millisecond that is not before it
	}
	if !d.To.IsZero() {
		r.Window.To = base.ClampMilli(d.To.Add(time.Millisecond - 1))
	}
	named := len(d.Models)+len(d.Versions)+len(d.Environments)+len(d.IDs) > 0
	switch source := base.OrDefault(d.Source, SourcePredictions); {
	case !d.Rejects && source != SourcePredictions && source != SourceActuals:
		return nil, queryError("there is no data source %q", d.Source)
	case d.Rejects && (named || d.Within != "" || r.Window != record.AllTimes):
		return nil, queryError("the quarantine is emptied as a whole: rejected lines have no models and no times")
	case d.Rejects:
		r.Target, r.Source = record.TargetRejects, source
	case source == SourceActuals && r.Window != record.AllTimes:
		return nil, queryError("remembered actuals are of no time: the predictions that they are for are still to come")
	case source == SourceActuals:
		r.Target = record.TargetActuals
	}
	return r, nil
}

// within reads the pattern that bounds a deletion.
func within(pattern string) func(model string) bool {
	p := query.PatternOf(pattern)
	return p.Matches
}
