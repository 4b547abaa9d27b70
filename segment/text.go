package segment

import "bytes"

// Text is a column of byte strings in one arena: value i is Bytes[Ends[i-1]:Ends[i]].
type Text struct {
	Bytes []byte
	Ends  []uint32
}

// Len returns the number of values.
func (t *Text) Len() int {
	return len(t.Ends)
}

// At returns value i, which aliases the arena.
func (t *Text) At(i int) []byte {
	return t.Bytes[t.start(i):t.Ends[i]]
}

// Append adds a value.
func (t *Text) Append(v []byte) {
	t.Bytes = append(t.Bytes, v...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// AppendFrom adds the values [from, to) of o.
func (t *Text) AppendFrom(o *Text, from, to int) {
	if from == to {
		return
	}
	low, base := o.start(from), uint32(len(t.Bytes))
	t.Bytes = append(t.Bytes, o.Bytes[low:o.Ends[to-1]]...)
	for _, end := range o.Ends[from:to] {
		t.Ends = append(t.Ends, end-low+base)
	}
}

// alias makes t the values [from, to) of o, in its arena.
func (t *Text) alias(o *Text, from, to int) {
	low := o.start(from)
	t.Bytes, t.Ends = o.Bytes[low:low:low], t.Ends[:0]
	if from < to {
		t.Bytes = o.Bytes[low:o.Ends[to-1]:o.Ends[to-1]]
	}
	for _, end := range o.Ends[from:to] {
		t.Ends = append(t.Ends, end-low)
	}
}

// Reset empties t and keeps its memory.
func (t *Text) Reset() {
	t.Bytes, t.Ends = t.Bytes[:0], t.Ends[:0]
}

// Equal tells whether both hold the same values.
func (t *Text) Equal(o *Text) bool {
	if t.Len() != o.Len() {
		return false
	}
	for i := range t.Ends {
		if !bytes.Equal(t.At(i), o.At(i)) {
			return false
		}
	}
	return true
}

// size returns the number of bytes of the values [from, to).
func (t *Text) size(from, to int) int {
	if from == to {
		return 0
	}
	return int(t.Ends[to-1] - t.start(from))
}

func (t *Text) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return t.Ends[i-1]
}
