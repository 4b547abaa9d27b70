package engine

import (
	"context"
	"fmt"

	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// Position says how far a part of a source outside was read: a partition of a topic up to an offset, an object in a version.
type Position struct {
	// Source is the name of whoever reads. Default: the source of the [Origin].
	Source string
	// Part is what it reads, Value how far; what they say is up to the source. An empty value forgets the part.
	Part, Value string
}

// Bounds of an origin.
const (
	// SourceBytesMax bounds the name of a source.
	SourceBytesMax = 256
	// PositionBytesMax bounds a part, a value, and the place of a reject.
	PositionBytesMax = 4096
	// PositionsAtOnceMax bounds the positions of one append.
	PositionsAtOnceMax = 10_000
)

// Origin says where what is appended was read.
type Origin struct {
	// Source is the data source whose quarantine gets the rejects. Default: SourcePredictions, or SourceActuals for actuals.
	Source string
	// Positions are how far the reader is with this append.
	Positions []Position
}

// AppendFrom is Append for rows that are read somewhere: they are stored with their positions, in the same record, so that a reader
// that goes on from [DB.Positions] after a crash stores each row once. The batch may be without rows, and have positions alone. New
// parts beyond [Options.PositionsBytes] are refused with [ErrPositionsFull].
func (db *DB) AppendFrom(ctx context.Context, b *event.Batch, o Origin) (Appended, error) {
	return db.appendBatch(ctx, b, o, nil)
}

// AppendOnceFrom is to AppendFrom what AppendOnce is to Append: where the key was known, positions stay as they are.
func (db *DB) AppendOnceFrom(ctx context.Context, b *event.Batch, key Key, o Origin) (Appended, error) {
	return db.appendBatch(ctx, b, o, &key)
}

// AppendActualsFrom is to AppendActuals what AppendFrom is to Append.
func (db *DB) AppendActualsFrom(ctx context.Context, a *event.Actuals, o Origin) (Appended, error) {
	return db.appendActuals(ctx, a, o, nil)
}

// AppendActualsOnceFrom is to AppendActuals what AppendOnceFrom is to Append.
func (db *DB) AppendActualsOnceFrom(ctx context.Context, a *event.Actuals, key Key, o Origin) (Appended, error) {
	return db.appendActuals(ctx, a, o, &key)
}

// Positions returns the values of a source by their parts: those of all appends that have returned, and that a restart finds as
// surely as their rows. Deletions leave them as they are.
func (db *DB) Positions(source string) map[string]string {
	s := db.positions.Snapshot()
	return s.Of(source)
}

// originOf returns an origin as it stands in the log, if there is room for it.
func (db *DB) originOf(o Origin, rejects []event.Reject) (record.Origin, error) {
	if len(o.Source) > SourceBytesMax || len(o.Positions) > PositionsAtOnceMax {
		return record.Origin{}, fmt.Errorf("%w: a source of %d bytes with %d positions; %d and %d are allowed", ErrBatch,
			len(o.Source), len(o.Positions), SourceBytesMax, PositionsAtOnceMax)
	}
	for i := range rejects {
		if n := len(rejects[i].Place); n > PositionBytesMax {
			return record.Origin{}, fmt.Errorf("%w: reject %d has a place of %d bytes; %d are allowed", ErrBatch, i, n, PositionBytesMax)
		}
	}
	r := record.Origin{Source: o.Source}
	if len(o.Positions) == 0 {
		return r, nil
	}
	r.Positions = make([]positions.Position, len(o.Positions))
	for i, x := range o.Positions {
		if x.Source == "" {
			x.Source = o.Source
		}
		if x.Source == "" || len(x.Source) > SourceBytesMax || len(x.Part) > PositionBytesMax || len(x.Value) > PositionBytesMax {
			return record.Origin{}, fmt.Errorf("%w: position %d has a source of %d bytes, a part of %d and a value of %d; 1 to %d, and up to %d for "+
				"the others, are allowed", ErrBatch, i, len(x.Source), len(x.Part), len(x.Value), SourceBytesMax, PositionBytesMax)
		}
		r.Positions[i] = positions.Position(x)
	}
	if !db.positions.Fits(r.Positions, db.opts.PositionsBytes) {
		count, bytes := db.positions.Size()
		return record.Origin{}, fmt.Errorf("%w: %d positions take %d bytes of %d", ErrPositionsFull, count, bytes, db.opts.PositionsBytes)
	}
	return r, nil
}
