package parquet

import (
	"encoding/binary"
	"errors"
	"math"
)

// Value is one value of a leaf: the bits of a number, with a sign where it has one, or bytes, which stay until the next value.
type Value struct {
	bits  uint64
	bytes []byte
}

// Bool returns a BOOLEAN.
func (v Value) Bool() bool { return v.bits != 0 }

// Int returns an INT32 or INT64.
func (v Value) Int() int64 { return int64(v.bits) }

// Float returns a FLOAT.
func (v Value) Float() float32 { return math.Float32frombits(uint32(v.bits)) }

// Double returns a DOUBLE.
func (v Value) Double() float64 { return math.Float64frombits(v.bits) }

// Bytes returns an INT96, BYTE_ARRAY or FIXED_LEN_BYTE_ARRAY.
func (v Value) Bytes() []byte { return v.bytes }

// size returns how many bytes a plain value takes; 0 of BOOLEAN and BYTE_ARRAY.
func (n *Node) size() int {
	switch n.Type {
	case Int32, Float:
		return 4
	case Int64, Double:
		return 8
	case Int96:
		return 12
	case FixedLenByteArray:
		return n.Width
	case Boolean, ByteArray:
	}
	return 0
}

// value makes a value of its plain bytes.
func (n *Node) value(b []byte) Value {
	switch n.Type {
	case Int32:
		return Value{bits: uint64(int64(int32(binary.LittleEndian.Uint32(b))))}
	case Float:
		return Value{bits: uint64(binary.LittleEndian.Uint32(b))}
	case Int64, Double:
		return Value{bits: binary.LittleEndian.Uint64(b)}
	case Int96, ByteArray, FixedLenByteArray, Boolean:
	}
	return Value{bytes: b}
}

// decoder returns the values of a page one by one; false where there are no more, or what follows is none.
type decoder interface {
	next() (Value, bool)
}

// plain reads PLAIN.
type plain struct {
	node *Node
	data []byte
	bit  uint
}

func (p *plain) next() (Value, bool) {
	switch size := p.node.size(); {
	case size > 0:
		if len(p.data) < size {
			return Value{}, false
		}
		b := p.data[:size]
		p.data = p.data[size:]
		return p.node.value(b), true
	case p.node.Type == Boolean:
		if int(p.bit/8) >= len(p.data) {
			return Value{}, false
		}
		bit := p.data[p.bit/8] >> (p.bit % 8) & 1
		p.bit++
		return Value{bits: uint64(bit)}, true
	}
	if len(p.data) < 4 {
		return Value{}, false
	}
	n := int64(binary.LittleEndian.Uint32(p.data))
	if n > int64(len(p.data)-4) {
		return Value{}, false
	}
	b := p.data[4 : 4+n]
	p.data = p.data[4+n:]
	return Value{bytes: b}, true
}

// dictionary is the values that indexes stand for: plain, and of BYTE_ARRAY with the offset of each.
type dictionary struct {
	node    *Node
	data    []byte
	offsets []uint32
	count   int
}

func newDictionary(node *Node, data []byte) (*dictionary, bool) {
	d := &dictionary{node: node, data: data}
	if size := node.size(); size > 0 {
		d.count = len(data) / size
		return d, true
	}
	if node.Type == Boolean || int64(len(data)) > math.MaxUint32 {
		return nil, false
	}
	for at := 0; at+4 <= len(data); {
		d.offsets = append(d.offsets, uint32(at))
		n := int64(binary.LittleEndian.Uint32(data[at:]))
		if n > int64(len(data)-at-4) {
			break // of an index that is used it is an error
		}
		at += 4 + int(n)
	}
	d.count = len(d.offsets)
	return d, true
}

// at returns the value of an index.
func (d *dictionary) at(i uint32) (Value, bool) {
	if int64(i) >= int64(d.count) {
		return Value{}, false
	}
	p := plain{node: d.node}
	if size := d.node.size(); size > 0 {
		p.data = d.data[int(i)*size:]
	} else {
		p.data = d.data[d.offsets[i]:]
	}
	return p.next()
}

// indexes reads values by their index in the dictionary.
type indexes struct {
	runs
	dictionary *dictionary
}

func (x *indexes) next() (Value, bool) {
	i, ok := x.runs.next()
	if !ok {
		return Value{}, false
	}
	return x.dictionary.at(i)
}

// booleans reads BOOLEAN in runs.
type booleans struct{ runs }

func (b *booleans) next() (Value, bool) {
	bit, ok := b.runs.next()
	return Value{bits: uint64(bit)}, ok
}

// integers reads INT32 and INT64 as differences.
type integers struct {
	deltas
	narrow bool
}

func (n *integers) next() (Value, bool) {
	i, ok := n.deltas.next()
	if n.narrow {
		i = int64(int32(i))
	}
	return Value{bits: uint64(i)}, ok
}

// texts reads BYTE_ARRAY and FIXED_LEN_BYTE_ARRAY as differences.
type texts struct {
	deltaTexts
	width int // of fixed ones
}

func (t *texts) next() (Value, bool) {
	b, ok := t.deltaTexts.next()
	return Value{bytes: b}, ok && (t.width == 0 || len(b) == t.width)
}

// split reads BYTE_STREAM_SPLIT: the first bytes of all values, then the second ones, and so on.
type split struct {
	node  *Node
	data  []byte
	count int
	at    int
	value []byte
}

func (s *split) next() (Value, bool) {
	if s.at == s.count {
		return Value{}, false
	}
	for i := range s.value {
		s.value[i] = s.data[i*s.count+s.at]
	}
	s.at++
	return s.node.value(s.value), true
}

// Encoding is how the values of a page are written.
type Encoding int32

// The encodings.
const (
	encodingPlain        Encoding = 0
	encodingPlainIndexes Encoding = 2
	encodingRuns         Encoding = 3
	encodingDeltas       Encoding = 5
	encodingLengths      Encoding = 6
	encodingPrefixes     Encoding = 7
	encodingIndexes      Encoding = 8
	encodingSplit        Encoding = 9
)

var encodingNames = [...]string{
	"PLAIN", "GROUP_VAR_INT", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
	"RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
}

// String returns the name that the format has for it.
func (e Encoding) String() string { return nameOf(encodingNames[:], int(e)) }

var (
	errValues  = errors.New("its values are broken")
	errUnknown = errors.New("its encoding is not supported for its type")
)

// decoderOf returns what reads the values of a page.
func decoderOf(node *Node, encoding Encoding, data []byte, d *dictionary) (decoder, error) {
	binaries := node.Type == ByteArray || node.Type == FixedLenByteArray
	switch {
	case encoding == encodingPlain:
		return &plain{node: node, data: data}, nil
	case encoding == encodingIndexes || encoding == encodingPlainIndexes:
		if d == nil {
			return nil, errors.New("its dictionary is missing")
		}
		if len(data) == 0 {
			return &indexes{runs{width: 1}, d}, nil // of a page of nulls
		}
		if data[0] > widthMax {
			return nil, errValues
		}
		return &indexes{runs{data: data[1:], width: int(data[0])}, d}, nil
	case encoding == encodingRuns && node.Type == Boolean:
		if len(data) < 4 {
			return &booleans{runs{width: 1}}, nil
		}
		return &booleans{runs{data: data[4:], width: 1}}, nil
	case len(data) == 0 && encoding >= encodingDeltas && encoding <= encodingPrefixes:
		return &plain{node: node}, nil // of a page of nulls
	case encoding == encodingDeltas && (node.Type == Int32 || node.Type == Int64):
		deltas, ok := newDeltas(data)
		if !ok {
			return nil, errValues
		}
		return &integers{deltas, node.Type == Int32}, nil
	case encoding == encodingLengths && node.Type == ByteArray, encoding == encodingPrefixes && binaries:
		t, ok := newDeltaTexts(data, encoding == encodingPrefixes)
		if !ok {
			return nil, errValues
		}
		return &texts{t, node.Width}, nil
	case encoding == encodingSplit && node.size() > 0 && node.Type != Int96:
		if len(data)%node.size() != 0 {
			return nil, errValues
		}
		return &split{node: node, data: data, count: len(data) / node.size(), value: make([]byte, node.size())}, nil
	}
	return nil, errUnknown
}
