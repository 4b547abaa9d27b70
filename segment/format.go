package segment

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/residualdb/residual/internal/columns"
)

// A segment is
//
//	header     magic 8 bytes, version 3, zero 2, CRC32C of these 12 bytes
//	blocks     see block.go, one after the other, series by series
//	sections   each: type 1 byte, length uvarint, that many bytes
//	trailer    length of the sections 8 bytes, their CRC32C 4, CRC32C of these 12 bytes, magic 8
//
// Integers of fixed length are little-endian. Sections of an unknown type are skipped if optional and ErrVersion if
// not. Those known stand once each, in the order of their types.
const (
	formatVersion = 3

	headerMagic  = "\x93RESISEG"
	trailerMagic = "RESIEND\n"
	headerLen    = 16
	trailerLen   = 24
	sectionsMax  = 1 << 31
)

// section types. Those from sectionOptional on may be skipped by a reader that does not know them.
const (
	sectionMeta     = 1 // model: length, bytes; from varint; to-from uvarint
	sectionSeries   = 2 // count; for each: version and environment (length, bytes), number of blocks uvarint
	sectionBlocks   = 3 // for each block: the lengths of its chunks uvarint, its Aggregate
	sectionSketches = 4 // for each node over the blocks: length, Sketches
	sectionOptional = 128

	// blockBytesMin is the least that a block takes in its section.
	blockBytesMin = uint64(chunks) + 4
)

// Meta says whose rows a segment holds.
type Meta struct {
	Model    string
	From, To int64 // Unix milliseconds; every row has From <= time < To
}

// blockRef is where a block is stored and how long its chunks are.
type blockRef struct {
	off  int64
	lens [chunks]uint32
}

func (r *blockRef) len() int64 {
	off, n := r.chunk(chunks - 1)
	return off + n - r.off
}

// chunk returns the place of a chunk.
func (r *blockRef) chunk(ch chunk) (off, n int64) {
	off = r.off
	for _, l := range r.lens[:ch] {
		off += int64(l)
	}
	return off, int64(r.lens[ch])
}

// directory is everything of a segment but its blocks.
type directory struct {
	model    []byte
	from, to int64  // see Meta
	names    []byte // version and environment of each series, back to back

	series []seriesEntry
	blocks []blockRef
	nodes  []Aggregate // of the blocks, in their order; the nodes of the trees follow
	// sketches are of the nodes of the trees of sketches, which have fewer blocks to a node (sketchFan).
	sketches sketchTree
}

// blockBytes is what all blocks take.
func (d *directory) blockBytes() int64 {
	if len(d.blocks) == 0 {
		return 0
	}
	last := &d.blocks[len(d.blocks)-1]
	return last.off + last.len() - headerLen
}

// seriesEntry is one series. Its blocks are blocks[firstBlock:firstBlock+blockCount].
type seriesEntry struct {
	name, environment, end uint32 // version is names[name:environment], environment is names[environment:end]
	firstBlock, blockCount uint32
	firstNode              uint32 // of the tree above the blocks
	firstSketch            uint32 // of the tree of sketches
}

func appendHeader(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, formatVersion)
	dst = append(dst, 0, 0)
	return appendChecksum(dst, start)
}

// appendTail appends sections and trailer.
func (d *directory) appendTail(dst []byte) []byte {
	start := len(dst)
	section := func(kind byte, payload []byte) {
		dst = append(dst, kind)
		dst = binary.AppendUvarint(dst, uint64(len(payload)))
		dst = append(dst, payload...)
	}
	b := columns.AppendText(nil, d.model)
	b = binary.AppendVarint(b, d.from)
	section(sectionMeta, binary.AppendUvarint(b, uint64(d.to-d.from)))

	b = binary.AppendUvarint(b[:0], uint64(len(d.series)))
	for i := range d.series {
		s := &d.series[i]
		b = columns.AppendText(b, d.names[s.name:s.environment])
		b = columns.AppendText(b, d.names[s.environment:s.end])
		b = binary.AppendUvarint(b, uint64(s.blockCount))
	}
	section(sectionSeries, b)

	b = b[:0]
	for i := range d.blocks {
		for _, l := range d.blocks[i].lens {
			b = binary.AppendUvarint(b, uint64(l))
		}
		b = d.nodes[i].appendTo(b)
	}
	section(sectionBlocks, b)

	b = b[:0]
	for i := range d.sketches.ends {
		node := d.sketches.at(uint32(i))
		b = append(binary.AppendUvarint(b, uint64(len(node))), node...)
	}
	section(sectionSketches, b)

	sum, trailer := checksum(dst[start:]), len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(dst)-start))
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	dst = appendChecksum(dst, trailer)
	return append(dst, trailerMagic...)
}

// checkHeader reads the first headerLen bytes.
func checkHeader(b []byte) error {
	c := columns.NewCursor(b, ErrCorrupt)
	if string(c.Bytes(len(headerMagic))) != headerMagic {
		return fmt.Errorf("%w: no segment", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint16(c.Bytes(2)); v != formatVersion {
		return fmt.Errorf("%w: %d", ErrVersion, v)
	}
	if zero, sum := binary.LittleEndian.Uint16(c.Bytes(2)), binary.LittleEndian.Uint32(c.Bytes(4)); zero != 0 || sum != checksum(b[:headerLen-checksumLen]) {
		return fmt.Errorf("%w: header", ErrCorrupt)
	}
	return nil
}

// decodeTrailer returns the length of the sections and their checksum.
func decodeTrailer(b []byte) (n uint64, sum uint32, err error) {
	c := columns.NewCursor(b, ErrCorrupt)
	n = c.Uint64()
	sum = binary.LittleEndian.Uint32(c.Bytes(4))
	own := binary.LittleEndian.Uint32(c.Bytes(4))
	if own != checksum(b[:12]) || string(c.Rest) != trailerMagic {
		return 0, 0, fmt.Errorf("%w: trailer", ErrCorrupt)
	}
	return n, sum, nil
}

// decode sets d to the sections of a segment whose blocks take blockBytes, in the memory that d has.
func (d *directory) decode(sections []byte, blockBytes int64) error {
	c := columns.NewCursor(sections, ErrCorrupt)
	last := byte(0)
	for c.Err == nil && len(c.Rest) > 0 {
		kind := c.Uint8()
		part := columns.NewCursor(c.Text(), ErrCorrupt)
		if c.Err != nil {
			break
		}
		if kind <= sectionSketches && kind != last+1 {
			c.Fail("sections out of order")
			break
		}
		switch kind {
		case sectionMeta:
			d.decodeMeta(&part)
		case sectionSeries:
			d.decodeSeries(&part)
		case sectionBlocks:
			d.decodeBlocks(&part, blockBytes)
		case sectionSketches:
			d.decodeSketches(&part)
		default:
			if kind < sectionOptional {
				return fmt.Errorf("%w: section %d", ErrVersion, kind)
			}
			continue
		}
		if err := part.End(); err != nil {
			return err
		}
		last = kind
	}
	if c.Err == nil && last != sectionSketches {
		c.Fail("sections missing")
	}
	return c.Err
}

func (d *directory) decodeMeta(c *columns.Cursor) {
	d.model = append(d.model[:0], c.Text()...)
	d.from = c.Varint()
	d.to = d.from + int64(c.Uvarint())
	if d.to < d.from {
		c.Fail("bounds of time")
	}
}

func (d *directory) decodeSeries(c *columns.Cursor) {
	n := c.Count(1, "series")
	d.series = slices.Grow(d.series[:0], n)
	d.names = slices.Grow(d.names[:0], len(c.Rest))
	blocks := uint64(0)
	for range n {
		var s seriesEntry
		s.name = uint32(len(d.names))
		d.names = append(d.names, c.Text()...)
		s.environment = uint32(len(d.names))
		d.names = append(d.names, c.Text()...)
		s.end = uint32(len(d.names))
		count := c.Uvarint()
		s.firstBlock, s.blockCount = uint32(blocks), uint32(count)
		blocks += count
		if count == 0 || count > blocksMax || blocks > blocksMax {
			c.Fail("number of blocks")
		}
		if c.Err != nil {
			return
		}
		d.series = append(d.series, s)
	}
	for i := 1; i < n; i++ {
		if d.compareNames(i-1, i) >= 0 {
			c.Fail("series out of order")
		}
	}
}

func (d *directory) decodeBlocks(c *columns.Cursor, blockBytes int64) {
	blocks, above := uint64(0), 0
	for i := range d.series {
		blocks += uint64(d.series[i].blockCount)
		above += int(d.series[i].aggregates().nodesAbove())
	}
	if blocks*blockBytesMin > uint64(len(c.Rest)) {
		c.Fail("too many blocks")
		return
	}
	d.blocks, d.nodes = slices.Grow(d.blocks[:0], int(blocks)), slices.Grow(d.nodes[:0], int(blocks)+above)
	off := int64(headerLen)
	for i := range d.series {
		s := &d.series[i]
		low := d.from
		for range s.blockCount {
			ref := blockRef{off: off}
			for ch := range ref.lens {
				n := c.Uvarint()
				absent := n == 0 && chunk(ch) >= chunkLags
				if n < checksumLen && !absent || n > uint64(blockBytes) {
					c.Fail("length of a chunk")
				}
				ref.lens[ch] = uint32(n)
			}
			a := decodeAggregate(c)
			if (a.Actuals == 0) != (ref.lens[chunkSketches] == 0) {
				c.Fail("sketches of a block")
			}
			if c.Err == nil && (a.Rows == 0 || a.Rows > blockRowsMax || a.MinTime < low || a.MaxTime >= d.to) {
				c.Fail("rows of a block")
			}
			if c.Err != nil {
				return
			}
			off, low = off+ref.len(), a.MaxTime
			d.blocks = append(d.blocks, ref)
			d.nodes = append(d.nodes, a)
		}
	}
	if off-headerLen != blockBytes {
		c.Fail("blocks do not fill their place")
	}
}

// decodeSketches reads the nodes of the trees of sketches. A stored sketch is checked when it is added to another.
func (d *directory) decodeSketches(c *columns.Cursor) {
	nodes := uint32(0)
	for i := range d.series {
		d.series[i].firstSketch = nodes
		nodes += d.series[i].sketches().nodesAbove()
	}
	if uint64(nodes) > uint64(len(c.Rest)) {
		c.Fail("too few sketches")
		return
	}
	t := sketchTree{slices.Grow(d.sketches.bytes[:0], len(c.Rest)), slices.Grow(d.sketches.ends[:0], int(nodes))}
	for range nodes {
		t.bytes = append(t.bytes, c.Text()...)
		t.ends = append(t.ends, uint32(len(t.bytes)))
	}
	d.sketches = t
}
