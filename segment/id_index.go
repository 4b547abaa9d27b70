package segment

import (
	"bytes"
	"slices"
)

// IDIndex finds the rows of a segment by a hash of their prediction id. It is a hash table in three arrays: rows in the
// order of their buckets, a byte of the hash of each row, and where buckets begin: about 6 bytes a row. One in 256 rows of a bucket
// has the byte of another id, so FindIDs compares the ids themselves: hashes find rows and never decide. The index is of
// the rows as stored and does not change.
type IDIndex struct {
	starts []uint32 // of the buckets, and the end of the last one
	rows   []uint32 // by their number among all of the segment
	prints []uint8
	blocks []uint32 // the number of the first row of each block, and that of all rows
}

// bucketRows is how many rows a bucket has on average.
const bucketRows = 4

// indexedBytesMin is the size of all blocks together below which looking at each row is as cheap as an index.
const indexedBytesMin = 4 << 10

// WantsIndex tells whether [Segment.FindIDs] needs an index to be quick.
func (s *Segment) WantsIndex() bool { return s.dir.blockBytes() >= indexedBytesMin }

// NewIDIndex makes the index of a segment. hash is that of FindIDs. It decodes all ids twice, so that it needs no more
// memory than the index takes.
func NewIDIndex(s *Segment, hash func(id []byte) uint64, sc *Scratch) (*IDIndex, error) {
	x := &IDIndex{blocks: make([]uint32, len(s.dir.blocks)+1)}
	for i := range s.dir.blocks {
		x.blocks[i+1] = x.blocks[i] + uint32(s.dir.nodes[i].Rows)
	}
	total := int(x.blocks[len(s.dir.blocks)])
	x.starts, x.rows, x.prints = make([]uint32, total/bucketRows+2), make([]uint32, total), make([]uint8, total)
	err := s.eachID(sc, func(_ uint32, id []byte) { x.starts[x.bucket(hash(id))+1]++ })
	if err != nil {
		return nil, err
	}
	for b := 1; b < len(x.starts); b++ {
		x.starts[b] += x.starts[b-1]
	}
	next := slices.Clone(x.starts)
	err = s.eachID(sc, func(row uint32, id []byte) {
		h := hash(id)
		at := &next[x.bucket(h)]
		x.rows[*at], x.prints[*at] = row, uint8(h)
		*at++
	})
	return x, err
}

// eachID calls f for the id of each row as stored.
func (s *Segment) eachID(sc *Scratch, f func(row uint32, id []byte)) error {
	number := uint32(0)
	for block := range s.dir.blocks {
		ids := &sc.block.IDs
		if _, err := s.decode(&sc.block, block, IDs, sc); err != nil {
			return err
		}
		for row := range ids.Len() {
			f(number, ids.At(row))
			number++
		}
	}
	return nil
}

// IDIndexBytes returns about what the index of so many rows takes.
func IDIndexBytes(rows uint64) int64 { return int64(rows) * (4/bucketRows + 5) }

// Bytes returns the memory that the index takes.
func (x *IDIndex) Bytes() int64 { return int64(len(x.starts)+len(x.blocks))*4 + int64(len(x.rows))*5 }

// bucket returns the bucket of a hash.
func (x *IDIndex) bucket(hash uint64) int {
	return int((hash >> 32) * uint64(len(x.starts)-1) >> 32)
}

// HashedID is a prediction id with its hash.
type HashedID struct {
	Hash uint64
	ID   []byte
}

// FindIDs calls found for every row that has one of the ids, block by block, and for each row in the order of the ids.
// Without an index it looks at all rows. found must not edit the segment.
func (s *Segment) FindIDs(x *IDIndex, ids []HashedID, sc *Scratch, found func(id int, r Row) error) error {
	if x == nil {
		return s.scanIDs(ids, sc, found)
	}
	candidates := sc.candidates[:0]
	for i, id := range ids {
		b := x.bucket(id.Hash)
		for at := x.starts[b]; at < x.starts[b+1]; at++ {
			if x.prints[at] == uint8(id.Hash) {
				candidates = append(candidates, uint64(x.rows[at])<<32|uint64(i))
			}
		}
	}
	slices.Sort(candidates)
	sc.candidates = candidates
	series, block := 0, 0
	for _, c := range candidates {
		row, i := uint32(c>>32), int(uint32(c))
		for row >= x.blocks[block+1] {
			block++
		}
		for uint32(block) >= s.dir.series[series].firstBlock+s.dir.series[series].blockCount {
			series++
		}
		at := Row{Series: series, Block: block - int(s.dir.series[series].firstBlock), Row: int(row - x.blocks[block])}
		err := s.foundID(at, ids[i].ID, sc, func(r Row) error { return found(i, r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// foundID calls found if the row at a place has the id.
func (s *Segment) foundID(at Row, id []byte, sc *Scratch, found func(Row) error) error {
	c, err := s.locate(at.Series, at.Block, IDs, sc)
	if err != nil || !bytes.Equal(c.IDs.At(at.Row), id) {
		return err
	}
	if c, err = s.locate(at.Series, at.Block, Numbers|Lags, sc); err != nil {
		return err
	}
	if r, ok := s.row(at.Series, at.Block, at.Row, c); ok {
		return found(r)
	}
	return nil
}

// scanIDs is FindIDs by looking at all rows.
func (s *Segment) scanIDs(ids []HashedID, sc *Scratch, found func(id int, r Row) error) error {
	for series := range s.dir.series {
		for block := range int(s.dir.series[series].blockCount) {
			for row := range int(s.Block(series, block).Rows) {
				for i := range ids {
					at := Row{Series: series, Block: block, Row: row}
					if err := s.foundID(at, ids[i].ID, sc, func(r Row) error { return found(i, r) }); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
