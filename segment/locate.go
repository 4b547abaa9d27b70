package segment

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"sort"

	"github.com/FastFilter/xorfilter"
)

// filters tell which blocks may hold a prediction id: a binary fuse filter per block (Graf and Lemire, "Binary Fuse
// Filters", 2022), about 1.6 bytes a row, wrong for one absent id in 256. They are built when the first id is looked
// up, because most segments are never asked.
type filters struct {
	seed   maphash.Seed
	blocks []xorfilter.BinaryFuse[uint8]
}

// filteredBytesMin is the size of all blocks together below which looking at the rows is as cheap as filters are.
const filteredBytesMin = 4 << 10

// FindID calls found for every row with the prediction id that no edit deleted, and tells whether it has an actual. It
// must not run beside another FindID of the same segment.
func (s *Segment) FindID(id []byte, sc *Scratch, found func(series, block, row int, known bool)) error {
	if s.filters == nil && s.dir.blockBytes() >= filteredBytesMin {
		if err := s.buildFilters(sc); err != nil {
			return err
		}
	}
	var hash uint64
	if s.filters != nil {
		hash = maphash.Bytes(s.filters.seed, id)
	}
	for i := range s.dir.series {
		e := &s.dir.series[i]
		for block := range int(e.blockCount) {
			if s.filters != nil && !s.filters.blocks[int(e.firstBlock)+block].Contains(hash) {
				continue
			}
			if err := s.findInBlock(id, i, block, sc, func(row int, known bool) { found(i, block, row, known) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// FindWaiting returns the last row of a series without an actual that has the time, the prediction and the id.
func (s *Segment) FindWaiting(series int, ts int64, predicted float64, id []byte, sc *Scratch) (block, row int, ok bool, err error) {
	e := &s.dir.series[series]
	blocks := s.dir.nodes[e.firstBlock : e.firstBlock+e.blockCount]
	first := sort.Search(len(blocks), func(i int) bool { return blocks[i].MaxTime >= ts })
	for b := first; b < len(blocks) && blocks[b].MinTime <= ts; b++ {
		err = s.findInBlock(id, series, b, sc, func(r int, known bool) {
			c := &sc.located.rows
			if !known && c.Times[r] == ts && math.Float64bits(c.Predicted[r]) == math.Float64bits(predicted) {
				block, row, ok = b, r, true
			}
		})
		if err != nil {
			return 0, 0, false, err
		}
	}
	return block, row, ok, nil
}

// findInBlock calls found for the rows of a block with the id. sc.located is the block meanwhile.
func (s *Segment) findInBlock(id []byte, series, block int, sc *Scratch, found func(row int, known bool)) error {
	if _, err := s.readStored(&sc.block, series, block, IDs, sc); err != nil {
		return err
	}
	edited := s.edits[int(s.dir.series[series].firstBlock)+block]
	for row := range sc.block.IDs.Len() {
		if !bytes.Equal(sc.block.IDs.At(row), id) {
			continue
		}
		c, err := s.locate(series, block, sc)
		if err != nil {
			return err
		}
		if known, deleted := state(edited, row, c.Known.Get(row)); !deleted {
			found(row, known)
		}
	}
	return nil
}

// located is the numbers and lags, as stored, of the block in which a row was found last: it is likely to be edited next.
type located struct {
	segment *Segment // nil if there is none
	block   int      // of all of the segment
	rows    Columns
}

// locate returns the numbers and lags of a block as stored. They are sc.located until the next call.
func (s *Segment) locate(series, block int, sc *Scratch) (*Columns, error) {
	l, number := &sc.located, int(s.dir.series[series].firstBlock)+block
	if l.segment == s && l.block == number {
		return &l.rows, nil
	}
	l.segment = nil
	if _, err := s.readStored(&l.rows, series, block, Numbers|Lags, sc); err != nil {
		return nil, err
	}
	l.segment, l.block = s, number
	return &l.rows, nil
}

// state returns what edits make of a row.
func state(edits []Edit, row int, stored bool) (known, deleted bool) {
	for i := range edits {
		if edits[i].Row == row {
			return edits[i].Known, edits[i].Deleted
		}
	}
	return stored, false
}

func (s *Segment) buildFilters(sc *Scratch) error {
	f := &filters{seed: maphash.MakeSeed(), blocks: make([]xorfilter.BinaryFuse[uint8], len(s.dir.blocks))}
	builder := xorfilter.MakeBinaryFuseBuilder[uint8](1024)
	var hashes []uint64
	for i := range s.dir.series {
		e := &s.dir.series[i]
		for block := range int(e.blockCount) {
			c := &sc.block
			if _, err := s.readStored(c, i, block, IDs, sc); err != nil {
				return err
			}
			hashes = hashes[:0]
			for row := range c.IDs.Len() {
				hashes = append(hashes, maphash.Bytes(f.seed, c.IDs.At(row)))
			}
			filter, err := xorfilter.BuildBinaryFuse[uint8](&builder, hashes)
			if err != nil {
				return fmt.Errorf("filter of block %d of series %d: %w", block, i, err)
			}
			filter.Fingerprints = bytes.Clone(filter.Fingerprints)
			f.blocks[int(e.firstBlock)+block] = filter
		}
	}
	s.filters = f
	return nil
}
