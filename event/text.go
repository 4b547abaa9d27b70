package event

import "fmt"

// Text is a column of byte strings in one arena: value i is
// Bytes[Ends[i-1]:Ends[i]], and value 0 begins at 0. It holds at most
// [TextBytesMax] bytes, because an end is 32 bits wide. The zero Text is an
// empty column.
type Text struct {
	Bytes []byte
	Ends  []uint32
}

// Append adds a copy of s as the last value.
func (t *Text) Append(s []byte) {
	t.Bytes = append(t.Bytes, s...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// AppendString adds a copy of s as the last value.
func (t *Text) AppendString(s string) {
	t.Bytes = append(t.Bytes, s...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// At returns value i. It is a view into the arena: it must not be changed, and
// is valid until [Text.Reset].
func (t *Text) At(i int) []byte {
	var start uint32
	if i > 0 {
		start = t.Ends[i-1]
	}
	end := t.Ends[i]
	return t.Bytes[start:end:end]
}

// Len returns the number of values.
func (t *Text) Len() int { return len(t.Ends) }

// Reset empties the column and keeps its memory.
func (t *Text) Reset() {
	t.Bytes = t.Bytes[:0]
	t.Ends = t.Ends[:0]
}

// reserveText fails if a column of so many bytes cannot take so many more.
func reserveText(size, more int) error {
	if uint64(size)+uint64(more) > TextBytesMax {
		return fmt.Errorf("%w: more than %d bytes of text", ErrTooLarge, uint64(TextBytesMax))
	}
	return nil
}
