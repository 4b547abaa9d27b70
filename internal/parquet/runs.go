package parquet

import "encoding/binary"

// runs reads the hybrid of runs and bit-packed groups, in which levels, indexes and booleans are.
type runs struct {
	data  []byte
	width int
	// left is how many values the run still has. Those of a packed one are in packed, from the bit at.
	left   uint64
	value  uint32
	packed []byte
	at     uint64
}

const widthMax = 32

// next returns the next value; false where there is none.
func (r *runs) next() (uint32, bool) {
	if r.width == 0 {
		return 0, true
	}
	for r.left == 0 {
		if !r.begin() {
			return 0, false
		}
	}
	r.left--
	if r.packed == nil {
		return r.value, true
	}
	end := r.at + uint64(r.width)
	if end > 8*uint64(len(r.packed)) {
		return 0, false
	}
	var bits uint64
	first := int(r.at / 8)
	for i, b := range r.packed[first:min(first+8, len(r.packed))] {
		bits |= uint64(b) << (8 * i)
	}
	bits >>= r.at % 8
	r.at = end
	return uint32(bits & (1<<r.width - 1)), true
}

// begin reads the head of the next run. The last group may be cut short, behind the last value that counts.
func (r *runs) begin() bool {
	head, n := binary.Uvarint(r.data)
	if n <= 0 {
		return false
	}
	r.data = r.data[n:]
	if head&1 == 1 {
		groups := head >> 1
		size := min(min(groups, uint64(len(r.data)))*uint64(r.width), uint64(len(r.data)))
		r.left, r.at, r.packed = 8*min(groups, 1<<32), 0, r.data[:size:size]
		r.data = r.data[size:]
		return true
	}
	size := (r.width + 7) / 8
	if len(r.data) < size {
		return false
	}
	r.value = 0
	for i, b := range r.data[:size] {
		r.value |= uint32(b) << (8 * i)
	}
	r.data = r.data[size:]
	r.left, r.packed = head>>1, nil
	return true
}
