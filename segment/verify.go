package segment

import (
	"bytes"
	"fmt"
	"slices"
)

// Verify reads every row of a segment of size bytes and checks it against the order of rows, the bounds of time and the
// stored aggregates and sums.
func Verify(src Source, size int64, sc *Scratch) error {
	s, err := Open(src, size)
	if err != nil {
		return err
	}
	for series := range s.NumSeries() {
		b := Builder{dir: directory{from: s.dir.from, to: s.dir.to}, lastTime: s.dir.from, enc: new(encoder)}
		for block := range s.Series(series).Blocks {
			if err := s.verifyBlock(&b, series, block, sc); err != nil {
				return fmt.Errorf("block %d of series %d: %w", block, series, err)
			}
		}
	}
	stored := s.dir.sketches
	s.dir.sketches = sketchTree{}
	if err := s.dir.growSketches(func(i uint32) ([]byte, error) { return s.blockSketches(i, sc) }, &sc.sketches); err != nil {
		return err
	}
	if !bytes.Equal(stored.bytes, s.dir.sketches.bytes) || !slices.Equal(stored.ends, s.dir.sketches.ends) {
		return fmt.Errorf("%w: sketches differ from those of their blocks", ErrCorrupt)
	}
	return nil
}

func (s *Segment) verifyBlock(b *Builder, series, block int, sc *Scratch) error {
	c := &sc.block
	if _, err := s.ReadBlock(c, series, block, AllColumns, sc); err != nil {
		return err
	}
	n := c.Len()
	if err := b.check(c, 0, n); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	b.lastTime, b.lastID = c.Times[n-1], append(b.lastID[:0], c.IDs.At(n-1)...)
	var sum Aggregate
	strips := b.enc.appendStrips(nil, c, &sum)
	if sum != *s.Block(series, block) {
		return fmt.Errorf("%w: aggregate differs from its rows", ErrCorrupt)
	}
	number := s.dir.series[series].firstBlock + uint32(block)
	off, size := s.dir.blocks[number].chunk(chunkNumbers)
	stored, err := sc.readChecked(s.src, off, size)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(stored, strips) {
		return fmt.Errorf("%w: sums of strips differ from the rows", ErrCorrupt)
	}
	return s.verifySketches(c, number, sc)
}
