package segment

import "github.com/residualdb/residual/internal/columns"

// Bitmap holds one bit per row, row i in bit i%64 of word i/64. Bits beyond the rows are zero.
type Bitmap columns.Bitmap

func (b *Bitmap) column() *columns.Bitmap { return (*columns.Bitmap)(b) }

// Get returns bit i, false beyond the words held.
func (b Bitmap) Get(i int) bool { return columns.Bitmap(b).Get(i) }

// Set sets bit i, growing b as needed.
func (b *Bitmap) Set(i int) { b.column().Set(i) }

// Append sets or clears bit i, which must be the one after the last.
func (b *Bitmap) Append(i int, bit bool) { b.column().Append(i, bit) }

// Count returns the number of bits set.
func (b Bitmap) Count() int { return columns.Bitmap(b).Count() }

func (b *Bitmap) appendFrom(n int, o Bitmap, from, to int) {
	b.column().AppendFrom(n, columns.Bitmap(o), from, to)
}

func (b Bitmap) countBelow(i int) int      { return columns.Bitmap(b).CountBelow(i) }
func (b Bitmap) run(i, end int) (int, int) { return columns.Bitmap(b).Run(i, end) }
func (b Bitmap) last(i, end int) int       { return columns.Bitmap(b).LastSet(i, end) }

// next returns the first position in [i, end) whose bit is set, or with a flip of all ones is not; end if there is none.
func (b Bitmap) next(i, end int, flip uint64) int {
	if flip == 0 {
		return columns.Bitmap(b).NextSet(i, end)
	}
	return columns.Bitmap(b).NextClear(i, end)
}
