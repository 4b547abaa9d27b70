package segment

import "fmt"

// Segment is a sealed segment: its directory and aggregates in memory, its blocks in a [Source]. What is stored does
// not change; edits lie over it, see [Segment.Edit]. Reading is safe for concurrent use, each goroutine with a
// [Scratch] of its own, but not beside Edit.
type Segment struct {
	src Source
	dir *directory

	edits edits
	lent  bool // a snapshot shares edits, live and liveSketches, so the next Edit copies them
	// live are dir.nodes with all edits; nil without any. liveSketches are the sketches that edits have changed, of blocks by
	// their number, of nodes by theirs behind all blocks.
	live         []Aggregate
	liveSketches map[uint32]*liveSketch
}

// Series is what a segment knows of a series without reading rows.
type Series struct {
	Version, Environment string
	Blocks               int
	Total                *Aggregate // of all its rows; not to be changed
}

// Read counts the rows that were decoded and the bytes they were decoded from.
type Read struct {
	Rows, Bytes uint64
}

// Add adds the counts of o.
func (r *Read) Add(o Read) {
	r.Rows += o.Rows
	r.Bytes += o.Bytes
}

// Open reads and verifies everything of a segment of size bytes but its blocks.
func Open(src Source, size int64) (*Segment, error) {
	s := &Segment{dir: new(directory)}
	if err := s.load(src, size, new(Scratch)); err != nil {
		return nil, err
	}
	return s, nil
}

// openedHeld is the number of segments that OpenIn finds again: the months of a few quarters, so that a query that
// goes series by series opens each month once.
const openedHeld = 8

// OpenIn is Open in the memory of sc, where the segment lives until the next OpenIn. It is for segments so small that
// they are better opened for each question than kept open, and not for edits. It finds one of the last few again by its
// src, which must be comparable, until [Scratch.Forget].
func OpenIn(sc *Scratch, src Source, size int64) (*Segment, error) {
	for _, s := range sc.opened {
		if s != nil && s.src == src {
			return s, nil
		}
	}
	place := &sc.opened[sc.openedNext]
	sc.openedNext = (sc.openedNext + 1) % openedHeld
	if *place == nil {
		*place = &Segment{dir: new(directory)}
	}
	s := *place
	sc.forget(s) // the segment that was opened there before
	if err := s.load(src, size, sc); err != nil {
		return nil, err
	}
	return s, nil
}

// load makes s the segment that src holds. On an error s holds no meaning.
func (s *Segment) load(src Source, size int64, sc *Scratch) error {
	if size < headerLen+trailerLen {
		return fmt.Errorf("%w: truncated", ErrCorrupt)
	}
	header, resident, err := sc.read(src, 0, headerLen)
	if err == nil && !resident {
		err = checkHeader(header)
	}
	if err != nil {
		return err
	}
	trailer, _, err := sc.read(src, size-trailerLen, trailerLen)
	if err != nil {
		return err
	}
	n, sum, err := decodeTrailer(trailer)
	if err != nil {
		return err
	}
	blockBytes := size - headerLen - trailerLen - int64(min(n, sectionsMax+1))
	if n > sectionsMax || blockBytes < 0 {
		return fmt.Errorf("%w: length of the sections", ErrCorrupt)
	}
	sections, resident, err := sc.read(src, headerLen+blockBytes, int64(n))
	if err != nil {
		return err
	}
	if !resident && checksum(sections) != sum {
		return fmt.Errorf("%w: checksum of the sections", ErrCorrupt)
	}
	if err := s.dir.decode(sections, blockBytes); err != nil {
		return err
	}
	s.dir.growTrees()
	*s = Segment{src: src, dir: s.dir}
	return nil
}

// Meta returns whose rows the segment holds.
func (s *Segment) Meta() Meta {
	return Meta{Model: string(s.dir.model), From: s.dir.from, To: s.dir.to}
}

// NumSeries returns the number of series.
func (s *Segment) NumSeries() int {
	return len(s.dir.series)
}

// Series returns series i. They are in ascending order of version, then environment.
func (s *Segment) Series(i int) Series {
	version, environment := s.dir.seriesNames(i)
	return Series{Version: string(version), Environment: string(environment), Blocks: int(s.dir.series[i].blockCount), Total: s.total(&s.dir.series[i])}
}

// Block returns the aggregate of a block of a series as stored, not to be changed. The blocks of a series follow each
// other in time; the last time of one may be the first of the next.
func (s *Segment) Block(series, block int) *Aggregate {
	e := &s.dir.series[series]
	if uint(block) >= uint(e.blockCount) {
		panic("BUG: no such block")
	}
	return &s.dir.nodes[int(e.firstBlock)+block]
}

// ReadBlock sets the selected columns of dst to those of a block with its edits, and empties the others.
func (s *Segment) ReadBlock(dst *Columns, series, block int, cols ColumnSet, sc *Scratch) (Read, error) {
	s.Block(series, block) // checks that there is one
	read, err := s.readBlock(dst, int(s.dir.series[series].firstBlock)+block, cols, sc)
	if err != nil {
		return Read{}, fmt.Errorf("block %d of series %d: %w", block, series, err)
	}
	return read, nil
}

// readBlock is ReadBlock by the number of a block among all.
func (s *Segment) readBlock(dst *Columns, number int, cols ColumnSet, sc *Scratch) (Read, error) {
	read, changed := Read{Rows: s.dir.nodes[number].Rows}, s.edits[number]
	dst.Reset()
	if changed != nil && changed.whole {
		return Read{}, nil
	}
	var err error
	if read.Bytes, err = s.decode(dst, number, cols, sc); err != nil {
		return Read{}, err
	}
	if changed != nil {
		dst.edit(changed, cols)
	}
	return read, nil
}

// decode sets the selected columns of dst to those of a block as stored, and leaves the others as they are. It returns
// how many bytes it read.
func (s *Segment) decode(dst *Columns, number int, cols ColumnSet, sc *Scratch) (read uint64, err error) {
	n := int(s.dir.nodes[number].Rows)
	for ch := range chunkSketches {
		if cols&(1<<ch) == 0 {
			continue
		}
		off, size := s.dir.blocks[number].chunk(ch)
		if ch == chunkLags && size == 0 {
			noLags(dst, n)
			continue
		}
		b, err := sc.readChecked(s.src, off, size)
		if err == nil {
			err = sc.decodeChunk(dst, ch, b, n)
		}
		if err != nil {
			return 0, err
		}
		read += uint64(size)
	}
	return read, nil
}
