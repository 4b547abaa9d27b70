package sidecar

import (
	"errors"
	"fmt"
	"iter"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/store"
)

// Sinks takes the entries of lists. Each field may be nil: then entries of its kind are decoded and dropped.
type Sinks struct {
	Key    func(idempotency.Entry)
	Reject func(quarantine.Row)
	// Actual gets an actual that is valid during the call.
	Actual func(*actuals.Actual)
	// Positions gets some positions, in the order in which they are to be set.
	Positions func([]positions.Position)
}

// Decode gives the entries of a list to its sink.
func (s Sinks) Decode(l *store.List) (err error) {
	switch l.Kind {
	case store.ListKeys:
		err = idempotency.ReadEntries(&l.Cursor, l.Version, orDrop(s.Key))
	case store.ListRejects:
		err = quarantine.ReadEntries(&l.Cursor, l.Version, orDrop(s.Reject))
	case store.ListActuals:
		err = actuals.ReadEntries(&l.Cursor, l.Version, orDrop(s.Actual))
	case store.ListPositions:
		err = positions.ReadEntries(&l.Cursor, orDrop(s.Positions))
	}
	if errors.Is(err, actuals.ErrFlags) {
		return fmt.Errorf("%w: %w", base.ErrVersion, err)
	}
	return err
}

func orDrop[T any](add func(T)) func(T) {
	if add == nil {
		return func(T) {}
	}
	return add
}

// Read reads a list that the manifest names, checks it, and gives its entries to their sink.
func (s Sinks) Read(f *store.Files, kind store.ListKind, ref store.FileRef) error {
	l, err := f.ReadList(kind, ref)
	if err != nil {
		return err
	}
	if err := s.Decode(l); err != nil {
		return fmt.Errorf("%s: %w", f.ListPath(kind, ref.Number), err)
	}
	return nil
}

// Keys returns the entries of a list of keys.
func Keys(keys []idempotency.Entry) (entries []byte) {
	for i := range keys {
		entries = idempotency.AppendEntry(entries, &keys[i])
	}
	return entries
}

// ActualsMax is how many actuals a list has at most, so that writing them takes a few MiB however many they are.
const ActualsMax = 1 << 16

// Actuals yields the entries of lists of all that s holds, each with their number. They are valid until the next ones.
func Actuals(s *actuals.Snapshot) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		var entries []byte
		n := 0
		for a := range s.All {
			entries = actuals.AppendEntry(entries, a)
			if n++; n == ActualsMax {
				if !yield(n, entries) {
					return
				}
				entries, n = entries[:0], 0
			}
		}
		if n > 0 {
			yield(n, entries)
		}
	}
}

// PositionsBytes is about how large a list of positions gets: it is in memory while it is written and read.
const PositionsBytes = 4 << 20

// Positions yields the entries of lists of what has changed in s since an earlier snapshot, each with their number. They are valid
// until the next ones.
func Positions(s, earlier positions.Snapshot) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		var entries []byte
		n := 0
		for entry := range s.Since(earlier) {
			entries = append(entries, entry...)
			if n++; len(entries) >= PositionsBytes {
				if !yield(n, entries) {
					return
				}
				entries, n = entries[:0], 0
			}
		}
		if n > 0 {
			yield(n, entries)
		}
	}
}
