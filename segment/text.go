package segment

import "github.com/residualdb/residual/internal/columns"

// Text is a column of byte strings in one arena: value i is Bytes[Ends[i-1]:Ends[i]].
type Text columns.Text

func (t *Text) column() *columns.Text { return (*columns.Text)(t) }

// Len returns the number of values.
func (t *Text) Len() int { return len(t.Ends) }

// At returns value i, which aliases the arena.
func (t *Text) At(i int) []byte { return t.column().At(i) }

// Append adds a value.
func (t *Text) Append(v []byte) { t.column().Append(v) }

// AppendFrom adds the values [from, to) of o.
func (t *Text) AppendFrom(o *Text, from, to int) { t.column().AppendFrom(o.column(), from, to) }

// Reset empties t and keeps its memory.
func (t *Text) Reset() { t.column().Reset() }

// Equal tells whether both hold the same values.
func (t *Text) Equal(o *Text) bool { return t.column().Equal(o.column()) }

func (t *Text) alias(o *Text, from, to int) { t.column().Alias(o.column(), from, to) }
func (t *Text) size(from, to int) int       { return t.column().Size(from, to) }
func (t *Text) start(i int) uint32          { return t.column().Start(i) }
