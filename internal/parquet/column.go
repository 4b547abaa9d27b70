package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Columns reads chosen leaves of a file, all of them row by row.
type Columns struct {
	// Rows is how many there are.
	Rows int64
	// All are the leaves, in the order in which they were asked for.
	All []*Column

	file  *File
	group int
	// left is how many rows of the group there still are.
	left int64
}

// Next goes to the next row; false after the last one. Of each leaf, all levels of the row before must be read.
func (c *Columns) Next() (bool, error) {
	for c.left == 0 {
		if c.group == len(c.file.groups) {
			return false, nil
		}
		g := &c.file.groups[c.group]
		c.group++
		c.left = g.rows
		for i, column := range c.All {
			if err := column.begin(g.chunks[i]); err != nil {
				return false, column.fault(err)
			}
		}
	}
	c.left--
	return true, nil
}

// Column reads a leaf.
type Column struct {
	Node *Node

	file    *File
	chunk   chunk
	at, end int64 // what is left of the chunk

	dictionary *dictionary
	raw        []byte
	// Of the page:
	left                   int64 // levels
	definitions, repeats   runs
	values                 decoder
	definition, repetition int
	peeked                 bool
}

// begin goes to a chunk.
func (c *Column) begin(to chunk) error {
	switch {
	case to.encrypted:
		return errors.New("it is encrypted")
	case to.elsewhere:
		return errors.New("it is in another file")
	case to.start < 0 || to.size < 0 || to.start > c.file.size || to.size > c.file.size-to.start:
		return errors.New("it does not lie inside of the file")
	case c.peeked || c.left > 0 && c.at > 0:
		return errors.New("it has more values than its row group has rows")
	}
	*c = Column{Node: c.Node, file: c.file, raw: c.raw, chunk: to, at: to.start, end: to.start + to.size}
	return nil
}

// Level is where a value would be.
type Level struct {
	// Definition and Repetition are the levels; there is a value where the first is the leaf's.
	Definition, Repetition int
}

// errEnded is the end of a chunk.
var errEnded = errors.New("it has fewer values than its row group has rows")

// Peek returns the next level. ended is set at the end of a row group.
func (c *Column) Peek() (level Level, ended bool, err error) {
	if !c.peeked {
		if err := c.load(); err != nil {
			if errors.Is(err, errEnded) {
				return Level{}, true, nil
			}
			return Level{}, false, c.fault(err)
		}
		c.peeked = true
	}
	return Level{c.definition, c.repetition}, false, nil
}

// Read returns the next value. null is set where there is none.
func (c *Column) Read() (v Value, null bool, err error) {
	if !c.peeked {
		if err := c.load(); err != nil {
			return Value{}, false, c.fault(err)
		}
	}
	c.peeked = false
	if c.definition < c.Node.Definition {
		return Value{}, true, nil
	}
	v, ok := c.values.next()
	if !ok {
		return Value{}, false, c.fault(errValues)
	}
	return v, false, nil
}

// load reads the next levels.
func (c *Column) load() error {
	for c.left == 0 {
		if err := c.page(); err != nil {
			return err
		}
	}
	c.left--
	if c.file.levels++; c.file.levels/levelsPerByte > c.file.limits.Bytes {
		return fmt.Errorf("%w has more values than are allowed", ErrTooLarge)
	}
	definition, ok := c.definitions.next()
	repetition, also := c.repeats.next()
	if !ok || !also || int64(definition) > int64(c.Node.Definition) || int64(repetition) > int64(c.Node.Repetition) {
		return errors.New("its levels are broken")
	}
	c.definition, c.repetition = int(definition), int(repetition)
	return nil
}

// fault says of which column an error is, with all that is needed to write it otherwise.
func (c *Column) fault(err error) error {
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrFile) {
		return err
	}
	return &ColumnError{Column: c.Node.path, Type: c.Node.Type, Codec: c.chunk.codec, Err: err}
}

// ColumnError is a column that cannot be read.
type ColumnError struct {
	Column string
	Type   Type
	Codec  Codec
	Err    error
}

// Error returns the column with its type and codec, and what is wrong.
func (e *ColumnError) Error() string {
	return fmt.Sprintf("the column %q (%s, %s) of the Parquet file cannot be read: %v", e.Column, e.Type, e.Codec, e.Err)
}

// Unwrap returns the cause.
func (e *ColumnError) Unwrap() error { return e.Err }

// The kinds of pages.
const (
	pageData       = 0
	pageDictionary = 2
	pageData2      = 3
)

// header is what a page says of itself.
type header struct {
	kind            int64
	size, packed    int64
	values          int64
	encoding        Encoding
	definitions     Encoding
	repeats         Encoding
	definitionBytes int64
	repeatBytes     int64
	packedValues    bool
}

// page reads the next page.
func (c *Column) page() error {
	if c.at == c.end {
		return errEnded
	}
	h, err := c.header()
	if err != nil {
		return err
	}
	if h.packed < 0 || h.packed > c.end-c.at || h.size < 0 || h.values < 0 || h.values > math.MaxInt32 {
		return errors.New("a page does not lie inside of it")
	}
	at := c.at
	c.at += h.packed
	if h.kind != pageData && h.kind != pageDictionary && h.kind != pageData2 {
		return nil // of another kind, as an index
	}
	if c.file.spent += h.size; c.file.spent > c.file.limits.Bytes || h.size > c.file.limits.Page {
		return fmt.Errorf("%w has pages of more than %d bytes once decompressed", ErrTooLarge, min(c.file.limits.Bytes, c.file.limits.Page))
	}
	if int64(cap(c.raw)) < h.packed {
		c.raw = make([]byte, h.packed)
	}
	c.raw = c.raw[:h.packed]
	if err := readAt(c.file.file, c.raw, at); err != nil {
		return err
	}
	if h.kind == pageData2 {
		return c.data2(&h)
	}
	data, err := c.chunk.codec.decompress(c.raw, h.size)
	if err != nil {
		return err
	}
	if h.kind == pageDictionary {
		if c.chunk.codec == uncompressed {
			data = append([]byte(nil), data...)
		}
		var ok bool
		if c.dictionary, ok = newDictionary(c.Node, data); !ok || h.encoding != encodingPlain && h.encoding != encodingPlainIndexes {
			return errors.New("its dictionary is broken")
		}
		return nil
	}
	return c.data(&h, data)
}

// data begins a page whose levels are compressed with its values.
func (c *Column) data(h *header, data []byte) (err error) {
	if c.repeats, data, err = levels(data, c.Node.Repetition, h.repeats); err != nil {
		return err
	}
	if c.definitions, data, err = levels(data, c.Node.Definition, h.definitions); err != nil {
		return err
	}
	c.left = h.values
	c.values, err = decoderOf(c.Node, h.encoding, data, c.dictionary)
	return named(err, h.encoding)
}

// data2 begins a page of the second version, whose levels are not compressed.
func (c *Column) data2(h *header) error {
	before := h.repeatBytes + h.definitionBytes
	if h.repeatBytes < 0 || h.definitionBytes < 0 || before > int64(len(c.raw)) || before > h.size {
		return errors.New("its levels are broken")
	}
	c.repeats = runs{data: c.raw[:h.repeatBytes], width: width(c.Node.Repetition)}
	c.definitions = runs{data: c.raw[h.repeatBytes:before], width: width(c.Node.Definition)}
	codec, data := c.chunk.codec, c.raw[before:]
	if !h.packedValues || len(data) == 0 {
		codec = uncompressed
	}
	data, err := codec.decompress(data, h.size-before)
	if err != nil {
		return err
	}
	c.left = h.values
	c.values, err = decoderOf(c.Node, h.encoding, data, c.dictionary)
	return named(err, h.encoding)
}

// named says which encoding an error is about.
func named(err error, encoding Encoding) error {
	if err != nil {
		err = fmt.Errorf("%w (%s)", err, encoding)
	}
	return err
}

// levels returns the levels before the values of a page, of which none are written where there is one alone.
func levels(data []byte, highest int, encoding Encoding) (runs, []byte, error) {
	if highest == 0 {
		return runs{}, data, nil
	}
	if encoding != encodingRuns {
		return runs{}, nil, fmt.Errorf("%w (levels, %s)", errUnknown, encoding)
	}
	if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
		return runs{}, nil, errors.New("its levels are broken")
	}
	end := 4 + int(binary.LittleEndian.Uint32(data))
	return runs{data: data[4:end], width: width(highest)}, data[end:], nil
}

// width returns the bits of a level.
func width(highest int) (n int) {
	for ; highest > 0; highest >>= 1 {
		n++
	}
	return n
}

// A header is looked for in headerBytes, and in up to headerBytesMax where statistics make it longer.
const (
	headerBytes    = 512
	headerBytesMax = 16 << 20
)

// header reads the header at the place of the next page, and goes behind it.
func (c *Column) header() (header, error) {
	for n := min(int64(headerBytes), c.end-c.at); ; n = min(8*n, c.end-c.at) {
		if int64(cap(c.raw)) < n {
			c.raw = make([]byte, n)
		}
		c.raw = c.raw[:n]
		if err := readAt(c.file.file, c.raw, c.at); err != nil {
			return header{}, err
		}
		t := &compact{data: c.raw}
		h := t.header()
		if !t.failed {
			c.at += int64(t.at)
			return h, nil
		}
		if !t.ended || n == c.end-c.at || n > headerBytesMax {
			return header{}, errors.New("the header of a page is broken")
		}
	}
}

func (c *compact) header() header {
	h := header{kind: -1, packedValues: true}
	numbers := func(to ...*int64) func(int16, byte) bool {
		return func(id int16, kind byte) bool {
			if id < 1 || int(id) > len(to) || to[id-1] == nil {
				return false
			}
			*to[id-1] = c.number(kind)
			return true
		}
	}
	var encoding, definitions, repeats int64
	c.structure(kindStruct, func(id int16, kind byte) bool {
		switch id {
		case 1:
			h.kind = c.number(kind)
		case 2:
			h.size = c.number(kind)
		case 3:
			h.packed = c.number(kind)
		case 5:
			c.structure(kind, numbers(&h.values, &encoding, &definitions, &repeats))
		case 7:
			c.structure(kind, numbers(&h.values, &encoding))
		case 8:
			known := numbers(&h.values, nil, nil, &encoding, &h.definitionBytes, &h.repeatBytes)
			c.structure(kind, func(id int16, kind byte) bool {
				if id == 7 {
					h.packedValues = c.truth(kind)
					return true
				}
				return known(id, kind)
			})
		default:
			return false
		}
		return true
	})
	h.encoding, h.definitions, h.repeats = Encoding(encoding), Encoding(definitions), Encoding(repeats)
	return h
}
