package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// sealer turns heads into segments. It is for one goroutine at a time.
type sealer struct {
	builder   *segment.Builder
	hash      func(id []byte) uint64
	gathering head.RowMerger
	// columns are rows of a series, rest is memory for those that are in no block yet.
	columns, rest segment.Columns
	scratch       segment.Scratch
}

// seal makes one segment of the frozen heads of a month, of one generation. Queries go on meanwhile: they see the heads
// until the segment takes their place, at once.
func (s *sealer) seal(m *catalog.Model, mo *catalog.Month, heads []*head.Head) (*catalog.Segment, error) {
	bytes, err := s.build(m, mo, heads)
	if err != nil {
		m.Mu.Lock()
		defer m.Mu.Unlock()
		mo.SealRedo = nil
		return nil, err
	}
	src := &store.Source{Size: int64(len(bytes))}
	src.Resident.Store(&bytes)
	var index *segment.IDIndex
	if m.Asked.Load() && !src.Small() {
		index, err = catalog.NewIDIndex(src, s.hash, &s.scratch)
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	var sd *catalog.Segment
	if err == nil {
		sd, err = catalog.NewSegment(m, src, heads[0].Epoch, &s.scratch)
	}
	if err != nil {
		mo.SealRedo = nil
		return nil, err
	}
	sd.Index.Store(index)
	mo.Segments = append(slices.Clip(mo.Segments), sd)
	mo.Frozen = slices.Clone(mo.Frozen[len(heads):])
	for _, h := range heads {
		h.Release()
	}
	edits := mo.SealRedo
	mo.SealRedo = nil
	if err := edits.Apply(m, sd, &s.scratch); err != nil {
		return nil, err
	}
	return sd, nil
}

// build encodes the heads, series by series, as they are when it begins. From then on their edits are noted for the segment.
func (s *sealer) build(m *catalog.Model, mo *catalog.Month, heads []*head.Head) ([]byte, error) {
	var numbers []uint32
	for _, h := range heads {
		for _, s := range h.Series {
			numbers = append(numbers, s.Number)
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	leaves := make(map[uint32][][]*head.Leaf, len(numbers))
	m.Mu.Lock()
	mo.SealRedo = new(catalog.Redo)
	names := slices.Clone(m.Series)
	for _, n := range numbers {
		leaves[n] = head.LeavesOf(heads, n)
	}
	m.Mu.Unlock()
	slices.SortFunc(numbers, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(names[a].Version, names[b].Version), cmp.Compare(names[a].Environment, names[b].Environment))
	})
	s.builder.Reset(meta(m, mo))
	for _, n := range numbers {
		if err := s.builder.StartSeries(names[n].Version, names[n].Environment); err != nil {
			return nil, base.SegmentError(err)
		}
		if err := s.append(heads, leaves[n]); err != nil {
			return nil, base.SegmentError(err)
		}
	}
	return s.builder.Finish(nil), nil
}

// gatheredRows is how many rows of a series are gathered before they become blocks: their columns stay in the second
// cache until then.
const gatheredRows = 4 << 10

// append appends the rows of a series.
func (s *sealer) append(heads []*head.Head, leaves [][]*head.Leaf) error {
	s.gathering.Begin(heads, leaves)
	s.columns.Reset()
	for s.gathering.Next(&s.columns) {
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

func meta(m *catalog.Model, mo *catalog.Month) segment.Meta {
	return segment.Meta{Model: m.Name, From: mo.Span.From, To: mo.Span.To}
}
