package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// sealRows is the size at which a head becomes a segment ahead of the next checkpoint: 128 leaves, which a query walks
// in about 2 us.
const sealRows = 128 << 10

// sealer turns heads into segments. It is for one goroutine at a time.
type sealer struct {
	builder   *segment.Builder
	hash      func(id []byte) uint64
	gathering gathering
	// columns are rows of a series, rest is memory for those that are in no block yet.
	columns, rest segment.Columns
	scratch       segment.Scratch
}

// seal makes one segment of the frozen heads of a month, of one generation. Queries go on meanwhile: they see the heads
// until the segment takes their place, at once.
func (s *sealer) seal(m *model, mo *month, heads []*head) (*sealed, error) {
	bytes, err := s.build(m, mo, heads)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		mo.sealJournal = nil
		return nil, err
	}
	src := &source{size: int64(len(bytes))}
	src.resident.Store(&bytes)
	var index *segment.IDIndex
	if m.asked.Load() && !src.small() {
		index, err = newIDIndex(src, s.hash, &s.scratch)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var sd *sealed
	if err == nil {
		sd, err = newSealed(m, src, heads[0].generation, &s.scratch)
	}
	if err != nil {
		mo.sealJournal = nil
		return nil, err
	}
	sd.index.Store(index)
	mo.sealed = append(slices.Clip(mo.sealed), sd)
	mo.frozen = slices.Clone(mo.frozen[len(heads):])
	for _, h := range heads {
		h.release()
	}
	edits := mo.sealJournal
	mo.sealJournal = nil
	if err := edits.apply(m, sd, &s.scratch); err != nil {
		return nil, err
	}
	return sd, nil
}

// build encodes the heads, series by series, as they are when it begins. From then on their edits are noted for the segment.
func (s *sealer) build(m *model, mo *month, heads []*head) ([]byte, error) {
	var numbers []uint32
	for _, h := range heads {
		for _, s := range h.series {
			numbers = append(numbers, s.number)
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	leaves := make(map[uint32][][]*leaf, len(numbers))
	m.mu.Lock()
	mo.sealJournal = new(journal)
	names := slices.Clone(m.series)
	for _, n := range numbers {
		leaves[n] = leavesOf(heads, n)
	}
	m.mu.Unlock()
	slices.SortFunc(numbers, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(names[a].version, names[b].version), cmp.Compare(names[a].environment, names[b].environment))
	})
	s.builder.Reset(meta(m, mo))
	for _, n := range numbers {
		if err := s.builder.StartSeries(names[n].version, names[n].environment); err != nil {
			return nil, segmentError(err)
		}
		if err := s.append(heads, leaves[n]); err != nil {
			return nil, segmentError(err)
		}
	}
	return s.builder.Finish(nil), nil
}

// gatheredRows is how many rows of a series are gathered before they become blocks: their columns stay in the second
// cache until then.
const gatheredRows = 4 << 10

// append appends the rows of a series.
func (s *sealer) append(heads []*head, leaves [][]*leaf) error {
	s.gathering.begin(heads, leaves)
	s.columns.Reset()
	for s.gathering.next(&s.columns) {
		if s.columns.Len() < gatheredRows {
			continue
		}
		n, err := s.builder.AppendBlocks(&s.columns)
		if err != nil {
			return err
		}
		s.rest.Reset()
		s.rest.AppendFrom(&s.columns, n, s.columns.Len())
		s.columns, s.rest = s.rest, s.columns
	}
	return s.builder.Append(&s.columns)
}

func meta(m *model, mo *month) segment.Meta {
	return segment.Meta{Model: m.name, From: mo.span.from, To: mo.span.to}
}

// freezeUpTo freezes the month's head if it is of a generation up to last.
func (m *model) freezeUpTo(mo *month, last uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mo.head != nil && mo.head.generation <= last {
		mo.freeze()
	}
}

// frozenBatch returns the frozen heads of a month that one segment may hold: the first ones of equal generation, none
// of a generation past last.
func (m *model) frozenBatch(mo *month, last uint64) []*head {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for n < len(mo.frozen) && mo.frozen[n].generation == mo.frozen[0].generation && mo.frozen[n].generation <= last {
		n++
	}
	return mo.frozen[:n:n]
}
