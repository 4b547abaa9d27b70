package actuals

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/residualdb/residual/internal/columns"
)

// ErrFlags is returned for an entry of a list with flags that this version does not know.
var ErrFlags = errors.New("unknown flags of an actual")

// Entries of version 1 have neither scope nor flags: they are of actuals that no row had met.
const (
	entryBytesMin = 1 + 1 + 8 + 1 + 1 + 1 + 1

	listedKnown = 1 << 0
	listedMet   = 1 << 1
)

// AppendEntry appends an entry of a list of remembered actuals, see docs/format-pack.md.
func AppendEntry(dst []byte, a *Actual) []byte {
	dst = columns.AppendText(columns.AppendText(dst, a.Model), a.ID)
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.Value))
	dst = binary.AppendVarint(dst, a.Observed)
	dst = binary.AppendVarint(dst, a.Received)
	dst = binary.AppendUvarint(dst, a.LSN)
	dst = binary.AppendUvarint(dst, uint64(a.Line))
	dst = columns.AppendText(columns.AppendText(dst, a.Version), a.Environment)
	flags := byte(0)
	if a.Known {
		flags |= listedKnown
	}
	if a.Met {
		flags |= listedMet
	}
	return append(dst, flags)
}

// ReadEntries gives the actuals of a list of a version to add. They are valid during the call.
func ReadEntries(c *columns.Cursor, version uint32, add func(*Actual)) error {
	for range c.Count(entryBytesMin, "actuals") {
		a := Actual{
			Model: c.Text(), ID: c.Text(), Value: math.Float64frombits(c.Uint64()), Known: true,
			Observed: c.Varint(), Received: c.Varint(), LSN: c.Uvarint(), Line: c.Uvarint32(),
		}
		if version > 1 {
			a.Version, a.Environment = c.Text(), c.Text()
			flags := c.Uint8()
			if flags&^(listedKnown|listedMet) != 0 {
				return fmt.Errorf("%w: %#x", ErrFlags, flags)
			}
			a.Known, a.Met = flags&listedKnown != 0, flags&listedMet != 0
		}
		if c.Err == nil && max(len(a.Model), len(a.ID), len(a.Version), len(a.Environment)) > math.MaxUint16 {
			c.Fail("a name of an actual is too long")
		}
		if c.Err == nil {
			add(&a)
		}
	}
	return c.End()
}
