package engine

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
)

// The remembered actuals of a checkpoint are in lists of up to actualsListMax, so that writing them takes a few MiB
// however many they are. Lists of version 1 have neither scope nor flags: they hold actuals that no row had met.
const (
	actualsListMax      = 1 << 16
	actualEntryBytesMin = 1 + 1 + 8 + 1 + 1 + 1 + 1

	actualKnown = 1 << 0
	actualMet   = 1 << 1
)

// actualLists yields the contents of lists of all that s holds, each with its number of entries. A content is valid
// until the next one.
func actualLists(id [16]byte, s *actuals.Snapshot) iter.Seq2[[]byte, int] {
	return func(yield func([]byte, int) bool) {
		left, n := s.Len(), 0
		var dst []byte
		for a := range s.All {
			if n == 0 {
				dst = append(dst[:0], store.ListHeader(id, store.ListActuals, min(left, actualsListMax))...)
			}
			dst = appendActual(dst, a)
			left--
			if n++; n < actualsListMax && left > 0 {
				continue
			}
			if !yield(dst, n) {
				return
			}
			n = 0
		}
	}
}

func appendActual(dst []byte, a *actuals.Actual) []byte {
	dst = base.AppendText(base.AppendText(dst, a.Model), a.ID)
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.Value))
	dst = binary.AppendVarint(dst, a.Observed)
	dst = binary.AppendVarint(dst, a.Received)
	dst = binary.AppendUvarint(dst, a.LSN)
	dst = binary.AppendUvarint(dst, uint64(a.Line))
	dst = base.AppendText(base.AppendText(dst, a.Version), a.Environment)
	flags := byte(0)
	if a.Known {
		flags |= actualKnown
	}
	if a.Met {
		flags |= actualMet
	}
	return append(dst, flags)
}

// decodeActuals gives the actuals of a list to add. They are valid during the call.
func decodeActuals(c *store.List, add func(*actuals.Actual)) error {
	for range c.Count(actualEntryBytesMin, "actuals") {
		a := actuals.Actual{
			Model: c.Text("model"), ID: c.Text("prediction id"), Value: math.Float64frombits(c.Uint64("actual")), Known: true,
			Observed: c.Varint("observed"), Received: c.Varint("received"), LSN: c.Uvarint("LSN"), Line: c.Uvarint32("line"),
		}
		if c.Version > 1 {
			a.Version, a.Environment = c.Text("model version"), c.Text("environment")
			flags := c.Uint8("flags")
			if flags&^(actualKnown|actualMet) != 0 {
				return fmt.Errorf("%w: unknown flags %#x of an actual", ErrVersion, flags)
			}
			a.Known, a.Met = flags&actualKnown != 0, flags&actualMet != 0
		}
		if c.Err == nil && max(len(a.Model), len(a.ID), len(a.Version), len(a.Environment)) > math.MaxUint16 {
			c.Fail("a name of an actual")
		}
		if c.Err == nil {
			add(&a)
		}
	}
	return c.End("a list of actuals")
}
