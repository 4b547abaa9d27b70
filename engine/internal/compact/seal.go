package compact

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// Compactor makes segments. It is for one goroutine at a time.
type Compactor struct {
	hash    func(id []byte) uint64
	builder *segment.Builder
	rows    head.RowMerger
	// columns are rows of a series, rest is memory for those that are in no block yet.
	columns, rest segment.Columns
	scratch       segment.Scratch
}

// New returns a compactor that indexes rows by the hash of their ids.
func New(hash func(id []byte) uint64) *Compactor {
	return &Compactor{hash: hash, builder: segment.NewBuilder(segment.Meta{})}
}

// Seal makes one segment of frozen heads of a month, which are of one epoch, and puts it in their place. There is none where all of
// their rows were deleted.
func (c *Compactor) Seal(of catalog.ModelMonth, heads []*head.Head) (sg *catalog.Segment, err error) {
	m, mo := of.Model, of.Month
	bytes, err := c.encodeHeads(of, heads)
	var src *store.Source
	var index *segment.IDIndex
	empty := err == nil && c.builder.Empty()
	if err == nil && !empty {
		src, index, err = c.source(m, bytes)
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	redo := mo.SealRedo
	mo.SealRedo = nil
	if err != nil {
		return nil, err
	}
	if !empty {
		if sg, err = catalog.NewSegment(m, src, heads[0].Epoch, &c.scratch); err != nil {
			return nil, err
		}
		sg.Index.Store(index)
		mo.Segments = append(slices.Clip(mo.Segments), sg)
	}
	mo.Frozen = slices.Clone(mo.Frozen[len(heads):])
	for _, h := range heads {
		h.Release()
	}
	if empty {
		return nil, nil
	}
	return sg, redo.Apply(of, sg, &c.scratch)
}

// source returns a segment of a model in memory, and its index of ids where rows are looked for by them.
func (c *Compactor) source(m *catalog.Model, bytes []byte) (src *store.Source, index *segment.IDIndex, err error) {
	src = &store.Source{Size: int64(len(bytes))}
	src.Resident.Store(&bytes)
	if m.WantsIDIndex.Load() && !src.Small() {
		index, err = catalog.NewIDIndex(src, c.hash, &c.scratch)
	}
	return src, index, err
}

// encodeHeads encodes heads, series by series, as they are when it begins. From then on their edits are noted in SealRedo.
func (c *Compactor) encodeHeads(of catalog.ModelMonth, heads []*head.Head) ([]byte, error) {
	of.Model.Mu.Lock()
	of.Month.SealRedo = new(catalog.Redo)
	names := slices.Clone(of.Model.Series)
	series := head.Snapshot(heads)
	of.Model.Mu.Unlock()
	slices.SortFunc(series, func(a, b head.Rows) int {
		x, y := &names[a.Series], &names[b.Series]
		return cmp.Or(cmp.Compare(x.Version, y.Version), cmp.Compare(x.Environment, y.Environment))
	})
	c.builder.Reset(meta(of))
	for _, rows := range series {
		name := names[rows.Series].SeriesName
		if err := c.builder.StartSeries(name.Version, name.Environment); err != nil {
			return nil, base.SegmentError(err)
		}
		if err := c.appendSeries(rows); err != nil {
			return nil, base.SegmentError(err)
		}
	}
	return c.builder.Finish(nil), nil
}

// gatheredRows is how many rows of a series are gathered before they become blocks: their columns stay in the second
// cache until then.
const gatheredRows = 4 << 10

// appendSeries appends the rows of a series, those of all heads in the order of their keys.
func (c *Compactor) appendSeries(rows head.Rows) error {
	c.rows.Begin(rows)
	c.columns.Reset()
	for c.rows.Next(&c.columns) {
		if c.columns.Len() < gatheredRows {
			continue
		}
		n, err := c.builder.AppendBlocks(&c.columns)
		if err != nil {
			return err
		}
		c.rest.Reset()
		c.rest.AppendFrom(&c.columns, n, c.columns.Len())
		c.columns, c.rest = c.rest, c.columns
	}
	return c.builder.Append(&c.columns)
}

func meta(of catalog.ModelMonth) segment.Meta {
	return segment.Meta{Model: of.Model.Name, From: of.Month.Span.From, To: of.Month.Span.To}
}
