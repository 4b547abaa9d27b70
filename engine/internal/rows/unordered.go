package rows

import (
	"context"

	"github.com/residualdb/residual/segment"
)

// unordered hands on the rows series by series.
func (p *pipeline) unordered(ctx context.Context, yield func(*Batch) bool) error {
	q, w := p.snapshot.query, walk{snapshot: p.snapshot}
	held, more := w.next()
	fill := func(t *task) bool {
		for text := int64(0); more && (len(t.pieces) == 0 || t.rows+int(held.rows) <= batchRows && text <= storedTextMax); {
			text += p.snapshot.storedText(held)
			t.pieces, t.rows = append(t.pieces, held), t.rows+int(held.rows)
			held, more = w.next()
		}
		return more
	}
	left := q.Limit
	use := func(t *task) (bool, error) {
		b := &t.batch
		if q.Limit > 0 {
			b.cut(left)
			left -= b.Len()
		}
		return (b.Len() == 0 || yield(b)) && (q.Limit == 0 || left > 0), nil
	}
	return p.each(ctx, work{fill, func(r *reader, t *task) error { return t.readAll(r, q.Columns) }, use})
}

// walk goes through the pieces of all series.
type walk struct {
	snapshot *snapshot
	// model is the place of the next one, series and source are those that are next of the model before.
	model          int
	series, source places
	// pieces are those found of a series and source, of which the first at are handed on.
	pieces []piece
	at     int
}

func (w *walk) next() (p piece, ok bool) {
	s := w.snapshot
	for w.at == len(w.pieces) {
		switch {
		case w.source.from < w.source.to:
			w.pieces, w.at = s.pieces(w.pieces[:0], w.series.from, w.source.from), 0
			w.source.from++
		case w.series.from+1 < w.series.to:
			w.series.from++
			w.source = s.models[w.model-1].sources
		case w.model < len(s.models):
			w.series, w.source = s.models[w.model].series, s.models[w.model].sources
			w.model++
			if w.series.from == w.series.to {
				w.source = places{}
			}
		default:
			return p, false
		}
	}
	w.at++
	return w.pieces[w.at-1], true
}

// readAll makes the batch of a task of those rows of its pieces that the query wants.
func (t *task) readAll(r *reader, cols segment.ColumnSet) error {
	b := &t.batch
	for i, p := range t.pieces {
		some, err := r.load(p, cols)
		if err != nil {
			return err
		}
		if i == 0 || t.pieces[i-1].series != p.series {
			b.Series = append(b.Series, r.snapshot.series[p.series].Series)
		}
		if !some {
			continue
		}
		r.move(&b.Columns, cols)
		for len(b.SeriesOf) < b.Len() {
			b.SeriesOf = append(b.SeriesOf, uint32(len(b.Series)-1))
		}
	}
	return nil
}

// cut leaves the first rows of a batch.
func (b *Batch) cut(rows int) {
	n := b.Len()
	if n <= rows {
		return
	}
	b.SeriesOf = b.SeriesOf[:rows]
	b.Times, b.Predicted, b.Actual = b.Times[:rows], b.Predicted[:rows], b.Actual[:rows]
	b.Known = b.Known[:(rows+63)/64]
	if rows%64 > 0 {
		b.Known[rows/64] &= 1<<(rows%64) - 1
	}
	b.Lags = b.Lags[:min(rows, len(b.Lags))]
	for _, t := range [...]*segment.Text{&b.IDs, &b.Features} {
		if t.Len() > rows {
			t.Bytes, t.Ends = t.Bytes[:t.Ends[rows-1]], t.Ends[:rows]
		}
	}
}
