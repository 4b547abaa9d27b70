package positions

import (
	"math/bits"

	"github.com/residualdb/residual/internal/columns"
)

const entryBytesMin = 3

// appendEntry appends an entry of a list of positions, see docs/format-pack.md.
func appendEntry(dst []byte, x *Position) []byte {
	return columns.AppendText(columns.AppendText(columns.AppendText(dst, x.Source), x.Part), x.Value)
}

// sizeOf is the size of an entry.
func sizeOf(x *Position) (n int) {
	for _, text := range [...]string{x.Source, x.Part, x.Value} {
		n += (bits.Len(uint(len(text))|1)+6)/7 + len(text)
	}
	return n
}

// ReadEntries gives the positions of a list to set, a few at a time. They are to be set in the order of the lists.
func ReadEntries(c *columns.Cursor, set func([]Position)) error {
	const atOnce = 256
	var some []Position
	for range c.Count(entryBytesMin, "positions") {
		x := Position{Source: string(c.Text()), Part: string(c.Text()), Value: string(c.Text())}
		if c.Err != nil {
			break
		}
		if some = append(some, x); len(some) == atOnce {
			set(some)
			some = some[:0]
		}
	}
	if c.Err == nil {
		set(some)
	}
	return c.End()
}
