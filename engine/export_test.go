package engine

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// OpenPacksMax is how many packs are open at a time.
const OpenPacksMax = openPacksMax

// EachRow calls yield for every row that the store holds, in memory or sealed, with all of its columns.
func (db *DB) EachRow(yield func(event.Event)) (err error) {
	models := make(map[string]*model)
	db.models.Range(func(id string, m *model) bool {
		models[id] = m
		return true
	})
	for _, id := range slices.Sorted(maps.Keys(models)) {
		m := models[id]
		for _, mo := range m.months {
			m.mu.RLock()
			err = errors.Join(err, m.eachRow(mo, yield))
			m.mu.RUnlock()
		}
	}
	return err
}

func (m *model) eachRow(mo *month, yield func(event.Event)) error {
	var columns segment.Columns
	var scratch segment.Scratch
	send := func(name seriesName) {
		for i := range columns.Len() {
			yield(event.Event{
				Timestamp: time.UnixMilli(columns.Times[i]).UTC(), ModelID: m.name, ModelVersion: name.version, Environment: name.environment,
				PredictionID: string(columns.IDs.At(i)), Features: string(columns.Features.At(i)),
				PredictedValue: columns.Predicted[i], ActualValue: columns.Actual[i], HasActual: columns.Known.Get(i),
			})
		}
	}
	mo.heads(func(h *head) {
		for _, s := range h.series {
			gatherAll(&columns, []*head{h}, s.number)
			send(m.series[s.number].seriesName)
		}
	})
	for _, sd := range mo.sealed {
		seg, err := sd.open(&scratch)
		if err != nil {
			return err
		}
		for i := range seg.NumSeries() {
			series := seg.Series(i)
			for block := range series.Blocks {
				if _, err := seg.ReadBlock(&columns, i, block, segment.AllColumns, &scratch); err != nil {
					return segmentError(err)
				}
				send(seriesName{series.Version, series.Environment})
			}
		}
	}
	return nil
}

// Abandon closes a store whose disk is off. A checkpoint could only fail, after sealing all rows.
func (db *DB) Abandon() {
	_ = db.keeper.fail(errors.New("abandoned"))
	_ = db.Close()
}

// EachActual calls yield for every actual that is remembered, and tells whether a row has met it. It must not run beside
// appends.
func (db *DB) EachActual(yield func(a event.Actual, met bool)) {
	for a := range db.actuals.Snapshot().All {
		yield(event.Actual{
			ModelID: string(a.Model), PredictionID: string(a.ID), Value: a.Value, Withdrawn: !a.Known,
			ModelVersion: string(a.Version), Environment: string(a.Environment),
		}, a.Met)
	}
}

// CheckpointAfter is Checkpoint with something in the moment after its cut, when nothing is sealed yet.
func (db *DB) CheckpointAfter(ctx context.Context, something func()) error {
	k := &db.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	c, err := db.cutLog(ctx)
	if err != nil {
		return err
	}
	something()
	return db.cover(c)
}

// Freeze freezes all heads, as if each was as large as a segment. Nothing is sent meanwhile.
func (db *DB) Freeze() {
	for _, d := range db.dirty {
		d.model.freezeUpTo(d.month, math.MaxUint64)
	}
}

// Seal seals what Freeze has frozen, ahead of the next checkpoint.
func (db *DB) Seal() error {
	for _, d := range db.dirty {
		if err := db.sealFrozen(d); err != nil {
			return err
		}
	}
	return nil
}

// HeadBytes estimates the memory of the rows that no segment has.
func (db *DB) HeadBytes() int64 { return db.headBytes() }

// HoldCheckpoints lets checkpoints wait until release is called.
func (db *DB) HoldCheckpoints() (release func()) {
	db.keeper.mu.Lock()
	return db.keeper.mu.Unlock
}

// DropBuffers lets go of what is kept from one append to the next, which goes by itself when none comes for a second.
func (db *DB) DropBuffers() { db.encoders.Drop() }

// Moment reads the clock: things expire by the first time, and are kept from the second.
func (db *DB) Moment() (past, latest time.Time) {
	m := db.clock.read()
	return time.UnixMilli(m.past()).UTC(), time.UnixMilli(m.latest()).UTC()
}

// Fail ends appends, as a failure to publish does.
func (db *DB) Fail(err error) { db.fail(err) }

// RoomPatience is how long an append waits for a checkpoint.
const RoomPatience = roomPatience

// CalmAfter is how long no rows must have come before months that are over are joined.
const CalmAfter = calmAfter

// gatherAll sets dst to the rows of a series in heads.
func gatherAll(dst *segment.Columns, heads []*head, series uint32) {
	dst.Reset()
	var g gathering
	g.begin(heads, leavesOf(heads, series))
	for g.next(dst) {
	}
}

// Buckets returns the beginning of each bucket of a window, and the end of the last, in Unix milliseconds.
func (iv Interval) Buckets(from, to time.Time, zone *time.Location) ([]int64, error) {
	found, err := iv.buckets(span{from.UnixMilli(), to.UnixMilli()}, zone)
	var marks []int64
	for i, b := range found {
		if i > 0 && b.from != found[i-1].to || b.from >= b.to {
			panic("BUG: buckets that do not follow each other")
		}
		marks = append(marks, b.from)
	}
	if len(found) > 0 {
		marks = append(marks, found[len(found)-1].to)
	}
	return marks, err
}

// SliceEverything has every record published in slices that are over at the first look at the clock.
func (db *DB) SliceEverything() {
	db.publisher.mu.Lock()
	defer db.publisher.mu.Unlock()
	db.publisher.sliceMax = 1
}
