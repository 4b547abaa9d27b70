package columns

import "bytes"

// Text is a column of byte strings in one arena: value i is Bytes[Ends[i-1]:Ends[i]], and value 0 begins at 0. It holds
// less than 4 GiB, because an end is 32 bits wide; the caller of Append makes sure of that. The zero Text is an empty column.
type Text struct {
	Bytes []byte
	Ends  []uint32
}

// Len returns the number of values.
func (t *Text) Len() int { return len(t.Ends) }

// At returns value i. It is a view into the arena: it must not be changed, and is valid until [Text.Reset].
func (t *Text) At(i int) []byte {
	end := t.Ends[i]
	return t.Bytes[t.Start(i):end:end]
}

// Start returns where value i begins in the arena.
func (t *Text) Start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return t.Ends[i-1]
}

// Size returns the number of bytes of the values [from, to).
func (t *Text) Size(from, to int) int {
	if from == to {
		return 0
	}
	return int(t.Ends[to-1] - t.Start(from))
}

// Append adds a copy of v as the last value.
func (t *Text) Append(v []byte) {
	t.Bytes = append(t.Bytes, v...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// AppendString adds a copy of v as the last value.
func (t *Text) AppendString(v string) {
	t.Bytes = append(t.Bytes, v...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// AppendFrom adds copies of the values [from, to) of o.
func (t *Text) AppendFrom(o *Text, from, to int) {
	if from == to {
		return
	}
	low, base := o.Start(from), uint32(len(t.Bytes))
	t.Bytes = append(t.Bytes, o.Bytes[low:o.Ends[to-1]]...)
	for _, end := range o.Ends[from:to] {
		t.Ends = append(t.Ends, end-low+base)
	}
}

// Alias makes t the values [from, to) of o, in the arena of o. An append to t copies that part of the arena first.
func (t *Text) Alias(o *Text, from, to int) {
	low := o.Start(from)
	t.Bytes, t.Ends = o.Bytes[low:low:low], t.Ends[:0]
	if from < to {
		t.Bytes = o.Bytes[low:o.Ends[to-1]:o.Ends[to-1]]
	}
	for _, end := range o.Ends[from:to] {
		t.Ends = append(t.Ends, end-low)
	}
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

// Reset empties the column and keeps its memory.
func (t *Text) Reset() {
	t.Bytes, t.Ends = t.Bytes[:0], t.Ends[:0]
}
