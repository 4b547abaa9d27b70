package rows

import (
	"fmt"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// reader reads pieces of a snapshot. It is for one goroutine.
type reader struct {
	snapshot *snapshot

	// rows are those of the piece at hand, n of them, in the columns have. keep are the rows that the query wants.
	rows segment.Columns
	n    int
	have segment.ColumnSet
	keep segment.Bitmap
	// seg has the columns that are missing, in a block of a series; nil if there are none.
	seg           *segment.Segment
	series, block int

	// all is set while rows has piece whole.
	all   bool
	piece piece

	read    segment.Read
	more    segment.Columns
	scratch segment.Scratch
}

// load sets rows to a piece with the columns cols, and keep to those of its rows that the query wants; it tells whether there is any.
// What rules out all rows is read first, and the rest not at all.
func (r *reader) load(p piece, cols segment.ColumnSet) (some bool, err error) {
	filters, err := r.begin(p, cols)
	if err == nil {
		some, err = r.filter(filters)
	}
	if some && err == nil {
		err = r.columns(cols)
	}
	return some && err == nil, r.errorOf(p, err)
}

// loadAll sets rows to a piece with the columns cols, whatever the query wants of it.
func (r *reader) loadAll(p piece, cols segment.ColumnSet) error {
	if r.all && r.piece == p && cols&^r.have == 0 {
		return nil
	}
	_, err := r.begin(p, cols)
	if err == nil {
		err = r.columns(cols)
	}
	r.piece, r.all = p, err == nil
	return r.errorOf(p, err)
}

func (r *reader) errorOf(p piece, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("model %q: %w", r.snapshot.series[p.series].Model, base.SegmentError(err))
}

// begin readies a piece and returns the columns that decide which of its rows the query wants.
func (r *reader) begin(p piece, cols segment.ColumnSet) (filters segment.ColumnSet, err error) {
	s := r.snapshot
	q, src, number := s.query, &s.sources[p.source], s.series[p.series].number
	if q.ID != "" {
		filters |= segment.IDs
	}
	if len(q.Conditions) > 0 {
		filters |= segment.Features
	}
	cols |= filters | segment.Numbers
	r.seg, r.have, r.all = nil, cols, false
	switch {
	case src.head != nil && p.at != wholePiece:
		of := src.head.Find(number)
		part := p.leafPart(src.head, of)
		if !q.wantsAll(of.Aggregate(part.Leaf)) {
			filters |= segment.Numbers
		}
		r.rows.Reset()
		src.head.AppendLeaf(&r.rows, of, part, cols)
	case src.head != nil:
		filters |= segment.Numbers
		r.rows.Reset()
		src.head.AppendStaged(&r.rows, src.head.Find(number), cols)
	case p.at == wholePiece:
		filters |= segment.Numbers
		err = r.small(src, number, cols)
	default:
		of := src.sealed.Find(number)
		r.seg, r.series, r.block, r.have = src.opened, int(of.Index), int(p.at), 0
		r.n = int(p.rows)
		if !q.wantsAll(r.seg.Aggregate(segment.Node{Series: int32(of.Index), At: p.at})) {
			filters |= segment.Numbers
		}
		return filters, nil
	}
	r.n = r.rows.Len()
	r.read.Rows += uint64(r.n)
	return filters, err
}

// small reads all that a small segment has of a series.
func (r *reader) small(src *source, number uint32, cols segment.ColumnSet) error {
	seg, err := src.open(&r.scratch)
	if err != nil {
		return err
	}
	r.rows.Reset()
	of := src.sealed.Find(number)
	for block := range seg.Series(int(of.Index)).Blocks {
		read, err := seg.ReadBlock(&r.more, int(of.Index), block, cols, &r.scratch)
		if err != nil {
			return err
		}
		r.read.Bytes += read.Bytes
		appendRows(&r.rows, &r.more, cols, 0, r.more.Len())
	}
	return nil
}

// columns reads those of cols that are missing.
func (r *reader) columns(cols segment.ColumnSet) error {
	cols &^= r.have
	if cols == 0 {
		return nil
	}
	read, err := r.seg.ReadBlock(&r.more, r.series, r.block, cols, &r.scratch)
	if err != nil {
		return err
	}
	if r.have == 0 {
		r.read.Rows += read.Rows
	}
	r.read.Bytes += read.Bytes
	r.have |= cols
	exchange(&r.rows, &r.more, cols)
	return nil
}

// exchange exchanges some columns.
func exchange(a, b *segment.Columns, cols segment.ColumnSet) {
	if cols&segment.Numbers != 0 {
		a.Times, b.Times = b.Times, a.Times
		a.Predicted, b.Predicted = b.Predicted, a.Predicted
		a.Actual, b.Actual = b.Actual, a.Actual
		a.Known, b.Known = b.Known, a.Known
	}
	if cols&segment.IDs != 0 {
		a.IDs, b.IDs = b.IDs, a.IDs
	}
	if cols&segment.Features != 0 {
		a.Features, b.Features = b.Features, a.Features
	}
	if cols&segment.Lags != 0 {
		a.Lags, b.Lags = b.Lags, a.Lags
	}
}

// filter sets keep to the rows that the query wants, for which it needs the columns filters.
func (r *reader) filter(filters segment.ColumnSet) (some bool, err error) {
	r.keep = r.keep[:0]
	for from := 0; from < r.n; from += 64 {
		r.keep = append(r.keep, ^uint64(0)>>(64-min(64, r.n-from)))
	}
	q := r.snapshot.query
	for _, f := range [...]struct {
		column segment.ColumnSet
		wants  func(row int) bool
	}{
		{segment.IDs, func(row int) bool { return string(r.rows.IDs.At(row)) == q.ID }},
		{segment.Numbers, func(row int) bool {
			ts := r.rows.Times[row]
			return ts >= q.From && ts < q.To && (q.Actuals == AnyActual || r.rows.Known.Get(row) == (q.Actuals == WithActual))
		}},
		{segment.Features, func(row int) bool {
			for i := range q.Conditions {
				if !q.Conditions[i].Holds(r.rows.Features.At(row)) {
					return false
				}
			}
			return true
		}},
	} {
		if filters&f.column == 0 {
			continue
		}
		if err := r.columns(f.column); err != nil {
			return false, err
		}
		for row := r.keep.NextSet(0, r.n); row < r.n; row = r.keep.NextSet(row+1, r.n) {
			if !f.wants(row) {
				r.keep[row/64] &^= 1 << (row % 64)
			}
		}
		if r.keep.NextSet(0, r.n) == r.n {
			return false, nil
		}
	}
	return r.n > 0, nil
}

// move adds the rows that the query wants to dst, which may take the memory of the reader's rows for it.
func (r *reader) move(dst *segment.Columns, cols segment.ColumnSet) {
	if dst.Len() == 0 && r.keep.NextClear(0, r.n) == r.n {
		exchange(dst, &r.rows, cols)
		return
	}
	for from, to := r.keep.Run(0, r.n); from < to; from, to = r.keep.Run(to, r.n) {
		appendRows(dst, &r.rows, cols, from, to)
	}
}

// appendRows adds the columns cols of the rows [from, to) of src, numbers always.
func appendRows(dst, src *segment.Columns, cols segment.ColumnSet, from, to int) {
	numbers := src.NumberColumns
	if cols&segment.Lags == 0 {
		numbers.Lags = nil
	}
	dst.AppendColumns(&numbers, from, to)
	if cols&segment.Lags == 0 {
		dst.Lags = dst.Lags[:0]
	}
	if cols&segment.IDs != 0 {
		dst.IDs.AppendFrom(&src.IDs, from, to)
	}
	if cols&segment.Features != 0 {
		dst.Features.AppendFrom(&src.Features, from, to)
	}
}
