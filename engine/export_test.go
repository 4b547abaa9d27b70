package engine

import (
	"context"
	"errors"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/checkpoint"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/engine/internal/windows"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// OpenPacksMax is how many packs are open at a time.
const OpenPacksMax = store.OpenPacksMax

// EachRow calls yield for every row that the store holds, in memory or sealed, with all of its columns.
func (db *DB) EachRow(yield func(event.Event)) (err error) {
	models := make(map[string]*catalog.Model)
	db.models.Range(func(id string, m *catalog.Model) bool {
		models[id] = m
		return true
	})
	for _, id := range slices.Sorted(maps.Keys(models)) {
		m := models[id]
		for _, mo := range m.Months {
			m.Mu.RLock()
			err = errors.Join(err, eachRow(m, mo, yield))
			m.Mu.RUnlock()
		}
	}
	return err
}

func eachRow(m *catalog.Model, mo *catalog.Month, yield func(event.Event)) error {
	var columns segment.Columns
	var scratch segment.Scratch
	send := func(name catalog.SeriesName) {
		for i := range columns.Len() {
			yield(event.Event{
				Timestamp: time.UnixMilli(columns.Times[i]).UTC(), ModelID: m.Name, ModelVersion: name.Version, Environment: name.Environment,
				PredictionID: string(columns.IDs.At(i)), Features: string(columns.Features.At(i)),
				PredictedValue: columns.Predicted[i], ActualValue: columns.Actual[i], HasActual: columns.Known.Get(i),
			})
		}
	}
	var merger head.RowMerger
	for h := range mo.Heads {
		for _, rows := range head.Snapshot([]*head.Head{h}) {
			columns.Reset()
			merger.Begin(rows)
			for merger.Next(&columns) {
			}
			send(m.Series[rows.Series].SeriesName)
		}
	}
	for _, sg := range mo.Segments {
		seg, err := sg.Open(&scratch)
		if err != nil {
			return err
		}
		for i := range seg.NumSeries() {
			series := seg.Series(i)
			for block := range series.Blocks {
				if _, err := seg.ReadBlock(&columns, i, block, segment.AllColumns, &scratch); err != nil {
					return base.SegmentError(err)
				}
				send(catalog.SeriesName{Version: series.Version, Environment: series.Environment})
			}
		}
	}
	return nil
}

// Abandon closes a store whose disk is off. A checkpoint could only fail, after sealing all rows.
func (db *DB) Abandon() {
	_ = db.checkpointer.Files.Fail(errors.New("abandoned"))
	_ = db.Close()
}

// EachActual calls yield for every actual that is remembered, and tells whether a row has met it. It must not run beside
// appends.
func (db *DB) EachActual(yield func(a event.Actual, met bool)) {
	for a := range db.publisher.Remembered().All {
		yield(event.Actual{
			ModelID: string(a.Model), PredictionID: string(a.ID), Value: a.Value, Withdrawn: !a.Known,
			ModelVersion: string(a.Version), Environment: string(a.Environment),
		}, a.Met)
	}
}

// CheckpointAfter is Checkpoint with something in the moment after its rotation, when nothing is sealed yet.
func (db *DB) CheckpointAfter(ctx context.Context, something func()) error {
	k := db.checkpointer
	k.Mu.Lock()
	defer k.Mu.Unlock()
	c, err := k.Rotate(ctx)
	if err != nil {
		return err
	}
	something()
	return k.Cover(c)
}

// AfterSnapshot has something done each time rows are about to be read from a snapshot that was just made.
func (db *DB) AfterSnapshot(something func()) {
	db.rows.Between = func(ctx context.Context, do func()) error {
		err := db.publisher.Between(ctx, do)
		something()
		return err
	}
}

// months lists the months of all models.
func (db *DB) months() (all []catalog.ModelMonth) {
	db.models.Range(func(_ string, m *catalog.Model) bool {
		for _, mo := range m.Months {
			all = append(all, catalog.ModelMonth{Model: m, Month: mo})
		}
		return true
	})
	return all
}

// Freeze freezes all heads, as if each was as large as a segment. Nothing is sent meanwhile.
func (db *DB) Freeze() {
	for _, d := range db.months() {
		d.Model.FreezeUpTo(d.Month, math.MaxUint64)
	}
}

// Seal seals what Freeze has frozen, ahead of the next checkpoint, or within one.
func (db *DB) Seal() error {
	for _, d := range db.months() {
		if err := db.checkpointer.SealFrozen(d, math.MaxUint64); err != nil {
			return err
		}
	}
	return nil
}

// HeadBytes estimates the memory of the rows that no segment has.
func (db *DB) HeadBytes() int64 { return db.publisher.Counters.HeadBytes() }

// HoldCheckpoints lets checkpoints wait until release is called.
func (db *DB) HoldCheckpoints() (release func()) {
	db.checkpointer.Mu.Lock()
	return db.checkpointer.Mu.Unlock
}

// DropBuffers lets go of what is kept from one append to the next, which goes with the second collection of garbage.
func (db *DB) DropBuffers() {
	runtime.GC()
	runtime.GC()
}

// Moment reads the clock: things expire by the first time, and are kept from the second.
func (db *DB) Moment() (past, latest time.Time) {
	m := db.clock.Read()
	return time.UnixMilli(m.Past()).UTC(), time.UnixMilli(m.Latest()).UTC()
}

// Fail ends appends, as a failure to publish does.
func (db *DB) Fail(err error) { db.fail(err) }

// CheckpointPatience is how long an append waits for a checkpoint.
const CheckpointPatience = checkpoint.Patience

// QuietPeriod is how long no rows must have come before months that are over are merged.
const QuietPeriod = quietPeriod

// Buckets returns the beginning of each bucket of a window, and the end of the last, in Unix milliseconds.
func Buckets(iv Interval, from, to time.Time, zone *time.Location) ([]int64, error) {
	found, err := windows.Buckets(iv, base.Span{From: from.UnixMilli(), To: to.UnixMilli()}, zone)
	var marks []int64
	for i, b := range found {
		if i > 0 && b.From != found[i-1].To || b.From >= b.To {
			panic("BUG: buckets that do not follow each other")
		}
		marks = append(marks, b.From)
	}
	if len(found) > 0 {
		marks = append(marks, found[len(found)-1].To)
	}
	return marks, err
}

// SliceEverything has every record published in slices that are over at the first look at the clock.
func (db *DB) SliceEverything() {
	db.publisher.SetSlice(1)
}
