package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// Names of the data sources.
const (
	SourcePredictions = record.SourcePredictions
	SourceActuals     = record.SourceActuals
)

// Bounds of the quarantine; the oldest rows are dropped first.
const (
	QuarantineRowsMax  = quarantine.RowsMax
	QuarantineBytesMax = quarantine.BytesMax

	quarantineLimitDefault = 100
)

// QuarantineQuery asks for rejected lines, the newest first.
type QuarantineQuery struct {
	// Source is the data source the lines were sent to, empty for every one.
	Source string
	// Within bounds the answer to lines of models that it matches, as in a [MetricsQuery]: those of which the model can be
	// told, see [event.ModelOf]. Default: every line.
	Within string
	// ModelOf tells the model of a line that was sent to a source, for Within. Default: [event.ModelOf], whatever the source.
	ModelOf func(source string, line []byte) (model string, ok bool)
	// Limit bounds the rows. Default: 100.
	Limit int
}

// QuarantineRow is one rejected line.
type QuarantineRow struct {
	Source string
	// Column and Reason say what was wrong with it; Code is the reason's class.
	Column, Reason string
	Code           event.Code
	// ImportID names the request it came in.
	ImportID string
	// LineNumber is the line's place in the request, from 1; 0 where the line is written anew: for a row refused for a
	// bound of the options, and for an actual that was given up.
	LineNumber int
	Line       []byte
	InsertedAt time.Time
	// Place says where the line came from, if that was no request; see [event.Reject].
	Place string
}

// QuarantineResult holds rows, the newest first.
type QuarantineResult struct {
	Rows []QuarantineRow
	// Dropped counts rows lost to the bound since Open.
	Dropped uint64
}

// Quarantine lists rejected lines. The store keeps a bounded number, the oldest are dropped first.
func (db *DB) Quarantine(ctx context.Context, q QuarantineQuery) (result QuarantineResult, err error) {
	result.Dropped = db.quarantine.Dropped()
	_, err = db.EachReject(ctx, q, func(row *QuarantineRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return QuarantineResult{}, err
	}
	return result, nil
}

// QuarantineRevision is a number that is another one whenever the quarantine has other lines. Ask for it before them, see [DB.Revision].
func (db *DB) QuarantineRevision() uint64 { return db.quarantine.Revision() }

// rejectsAtOnce bounds the rows that EachReject takes out of the quarantine at one time.
const rejectsAtOnce = 64

// EachReject hands on the rows of [DB.Quarantine] one by one, until yield returns false. A row that is dropped before
// its turn comes is left out.
func (db *DB) EachReject(
	ctx context.Context, q QuarantineQuery, yield func(row *QuarantineRow) bool,
) (read Read, err error) {
	if q.Limit < 0 {
		return read, queryError("limit is %d; it must not be negative", q.Limit)
	}
	shown := func(*quarantine.Row) bool { return true }
	if q.Within != "" {
		within := query.PatternOf(q.Within)
		modelOf := q.ModelOf
		if modelOf == nil {
			modelOf = func(_ string, line []byte) (string, bool) { return event.ModelOf(line) }
		}
		shown = func(row *quarantine.Row) bool {
			model, ok := modelOf(row.Source, row.Line)
			return ok && within.Matches(model)
		}
	}
	var rows []quarantine.Row
	left, next, more := base.OrDefault(q.Limit, quarantineLimitDefault), uint64(math.MaxUint64), true
	for left > 0 && more {
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("query the quarantine: %w", err)
		}
		if err := db.begin(); err != nil {
			return read, err
		}
		rows, next, more = db.quarantine.Before(rows[:0], q.Source, next, min(left, rejectsAtOnce))
		db.end()
		for i := range rows {
			if !shown(&rows[i]) {
				continue
			}
			left--
			read.Add(Read{Rows: 1, Bytes: uint64(len(rows[i].Line))})
			if !yield((*QuarantineRow)(&rows[i])) {
				return read, nil
			}
		}
		clear(rows)
	}
	return read, nil
}
