package parquet

import (
	"encoding/binary"
)

// deltas reads DELTA_BINARY_PACKED: blocks of miniblocks of differences.
type deltas struct {
	data []byte
	// left is how many values there still are.
	left uint64
	last int64
	// first is set until the value of the head was returned.
	first bool

	mini      uint64 // values of a miniblock
	minis     int    // miniblocks of a block
	lowest    int64
	widths    []byte // of the miniblocks of the block that are still to come
	inMini    uint64 // values left in the miniblock
	packed    []byte
	at, width uint64
}

// newDeltas reads the head.
func newDeltas(data []byte) (d deltas, ok bool) {
	var head [3]uint64
	for i := range head {
		number, n := binary.Uvarint(data)
		if n <= 0 {
			return d, false
		}
		head[i], data = number, data[n:]
	}
	first, n := binary.Varint(data)
	block, minis := head[0], head[1]
	if n <= 0 || minis == 0 || minis > 1<<16 || block == 0 || block > 1<<31 || block%minis != 0 || block/minis%8 != 0 {
		return d, false
	}
	return deltas{data: data[n:], left: head[2], last: first, first: true, mini: block / minis, minis: int(minis)}, true
}

// next returns the next value; false where there is none.
func (d *deltas) next() (int64, bool) {
	if d.left == 0 {
		return 0, false
	}
	d.left--
	if d.first {
		d.first = false
		return d.last, true
	}
	for d.inMini == 0 {
		if !d.begin() {
			return 0, false
		}
	}
	d.inMini--
	delta, ok := d.unpack()
	d.last += d.lowest + int64(delta)
	return d.last, ok
}

// begin begins the next miniblock, and the block before it.
func (d *deltas) begin() bool {
	if len(d.widths) == 0 {
		lowest, n := binary.Varint(d.data)
		if n <= 0 || len(d.data)-n < d.minis {
			return false
		}
		d.lowest, d.widths, d.data = lowest, d.data[n:n+d.minis], d.data[n+d.minis:]
	}
	d.width, d.widths = uint64(d.widths[0]), d.widths[1:]
	size := d.mini / 8 * d.width
	if d.width > 64 {
		return false
	}
	// The last miniblock may be cut short behind the last value.
	size = min(size, uint64(len(d.data)))
	d.packed, d.data, d.at, d.inMini = d.data[:size], d.data[size:], 0, d.mini
	return true
}

func (d *deltas) unpack() (uint64, bool) {
	end := d.at + d.width
	if end > 8*uint64(len(d.packed)) {
		return 0, false
	}
	if d.width == 0 {
		return 0, true
	}
	first, shift := int(d.at/8), d.at%8
	var low, high uint64
	for i, b := range d.packed[first:min(first+8, len(d.packed))] {
		low |= uint64(b) << (8 * i)
	}
	if first+8 < len(d.packed) {
		high = uint64(d.packed[first+8])
	}
	d.at = end
	value := low>>shift | high<<(64-shift)
	if shift == 0 {
		value = low
	}
	return value << (64 - d.width) >> (64 - d.width), true
}

// rest returns the bytes behind all values, which it reads.
func (d deltas) rest() ([]byte, bool) {
	for d.left > 0 {
		if _, ok := d.next(); !ok {
			return nil, false
		}
	}
	return d.data, true
}

// deltaTexts reads DELTA_LENGTH_BYTE_ARRAY and, with prefixes, DELTA_BYTE_ARRAY.
type deltaTexts struct {
	lengths  deltas
	prefixes *deltas
	data     []byte
	last     []byte
}

func newDeltaTexts(data []byte, prefixed bool) (t deltaTexts, ok bool) {
	if prefixed {
		prefixes, ok := newDeltas(data)
		if !ok {
			return t, false
		}
		if data, ok = prefixes.rest(); !ok {
			return t, false
		}
		t.prefixes = &prefixes
	}
	if t.lengths, ok = newDeltas(data); !ok {
		return t, false
	}
	t.data, ok = t.lengths.rest()
	return t, ok
}

// next returns the next text, which stays until the one after it.
func (t *deltaTexts) next() ([]byte, bool) {
	n, ok := t.lengths.next()
	if !ok || n < 0 || n > int64(len(t.data)) {
		return nil, false
	}
	text := t.data[:n]
	t.data = t.data[n:]
	if t.prefixes == nil {
		return text, true
	}
	prefix, ok := t.prefixes.next()
	if !ok || prefix < 0 || prefix > int64(len(t.last)) {
		return nil, false
	}
	t.last = append(t.last[:prefix], text...)
	return t.last, true
}
