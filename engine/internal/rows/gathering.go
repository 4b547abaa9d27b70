package rows

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

const (
	// roundRows is how many rows of an answer in the order of time are found at once, at 40 bytes each.
	roundRows = 64 << 10
	// gatheredBytes is about how much of ids and features is held at once for rows that are put in order.
	gatheredBytes = 4 << 20
	// gatheredRows are gathered at first, gatheredRowsMax at most.
	gatheredRows    = 8 << 10
	gatheredRowsMax = roundRows
	// batchBytes is how much of ids and features ends a batch.
	batchBytes = 1 << 20
)

// ranked hands on the rows in an order. An answer in the order of errors, or in a random one, is one round: any piece may have one of its rows.
func (p *pipeline) ranked(ctx context.Context, yield func(*Batch) bool) error {
	q, r := p.snapshot.query, newRanking(p)
	g := gathering{ranking: r, most: gatheredRows}
	left := cmp.Or(q.Limit, math.MaxInt)
	for left > 0 {
		wanted := left
		if q.Order != WorstFirst && q.Order != Sample {
			wanted = min(left, roundRows)
		}
		found, err := r.round(ctx, wanted)
		if err != nil {
			return err
		}
		if goOn, err := g.handOn(ctx, found, yield); !goOn || err != nil {
			return err
		}
		if left -= len(found); len(found) < wanted {
			return nil
		}
	}
	return nil
}

// gathering reads what is missing of rows that were found: ids, features and lags. Each piece is read once for the rows of it that
// are gathered at a time.
type gathering struct {
	*ranking

	// most is how many rows to gather at a time.
	most int
	// rows are the columns gathered, in the order in which they were read, and at is the place of each row there.
	rows segment.Columns
	at   []uint32
	// idBytes and featureBytes are about those of a row, once some are known.
	idBytes, featureBytes int
	// order and ends are scratch.
	order, ends []uint32

	batch Batch
	// numbers are the places of series in the batch.
	numbers map[uint32]uint32
}

// handOn hands on rows that were found, in their order. It tells whether yield has returned true each time.
func (g *gathering) handOn(ctx context.Context, found []foundRow, yield func(*Batch) bool) (goOn bool, err error) {
	for len(found) > 0 {
		n := min(g.most, len(found))
		fits, err := g.gather(ctx, found[:n])
		if err != nil {
			return false, err
		}
		if !fits {
			g.most = (n + 1) / 2
			continue
		}
		bytes := len(g.rows.IDs.Bytes) + len(g.rows.Features.Bytes)
		g.idBytes, g.featureBytes = len(g.rows.IDs.Bytes)/n+1, len(g.rows.Features.Bytes)/n+1
		g.most = min(max(g.most, n*gatheredBytes/(bytes+1)), 4*g.most, gatheredRowsMax)
		if !g.batches(found[:n], yield) {
			return false, nil
		}
		found = found[n:]
	}
	return true, nil
}

// gather reads the missing columns of some rows. fits is false if they are too many to be held.
func (g *gathering) gather(ctx context.Context, found []foundRow) (fits bool, err error) {
	g.rows.Reset()
	cols := g.query.Columns &^ segment.Numbers
	if cols == 0 {
		return true, nil
	}
	order := g.byPiece(found)
	g.reserve(len(found))
	next, taken := order, uint32(0)
	fill := func(t *task) bool {
		of := found[next[0]].place.piece
		t.pieces = append(t.pieces, g.pieces[of])
		for len(next) > 0 && found[next[0]].place.piece == of {
			t.from = append(t.from, found[next[0]].place)
			next = next[1:]
		}
		return len(next) > 0
	}
	fits = true
	use := func(t *task) (bool, error) {
		b := &t.batch
		for range t.from {
			g.at[order[taken]] = taken
			taken++
		}
		g.rows.IDs.AppendFrom(&b.IDs, 0, b.IDs.Len())
		g.rows.Features.AppendFrom(&b.Features, 0, b.Features.Len())
		g.rows.Lags = append(g.rows.Lags, b.Lags...)
		fits = len(found) == 1 || len(g.rows.IDs.Bytes)+len(g.rows.Features.Bytes) <= 2*gatheredBytes
		return fits, nil
	}
	err = g.pipeline.each(ctx, work{fill, func(r *reader, t *task) error { return t.readPicked(r, cols) }, use})
	return fits, err
}

// reserve makes room for so many rows at once, as large as those were that were gathered last: doubling would leave as much behind.
func (g *gathering) reserve(rows int) {
	for text, of := range map[*segment.Text]int{&g.rows.IDs: g.idBytes, &g.rows.Features: g.featureBytes} {
		text.Bytes, text.Ends = slices.Grow(text.Bytes, rows*of*9/8), slices.Grow(text.Ends, rows)
	}
	g.rows.Lags = slices.Grow(g.rows.Lags, rows)
}

// byPiece returns the places of rows that were found, those of a piece one behind the other, and readies at for as many.
func (g *gathering) byPiece(found []foundRow) []uint32 {
	g.order, g.at = base.Grown(g.order, len(found)), base.Grown(g.at, len(found))
	g.ends = base.Grown(g.ends, len(g.pieces)+1)
	clear(g.ends)
	for i := range found {
		g.ends[found[i].place.piece+1]++
	}
	for i := 1; i < len(g.ends); i++ {
		g.ends[i] += g.ends[i-1]
	}
	for i := range found {
		end := &g.ends[found[i].place.piece]
		g.order[*end] = uint32(i)
		*end++
	}
	return g.order
}

// readPicked reads some columns of the rows of a piece that from names.
func (t *task) readPicked(r *reader, cols segment.ColumnSet) error {
	if err := r.loadAll(t.pieces[0], cols); err != nil {
		return err
	}
	b := &t.batch
	for _, x := range t.from {
		row := int(x.row)
		if cols&segment.IDs != 0 {
			b.IDs.AppendFrom(&r.rows.IDs, row, row+1)
		}
		if cols&segment.Features != 0 {
			b.Features.AppendFrom(&r.rows.Features, row, row+1)
		}
		if cols&segment.Lags != 0 {
			b.Lags = append(b.Lags, r.rows.Lags[row])
		}
	}
	return nil
}

// batches hands on rows that were found, with what was gathered of them.
func (g *gathering) batches(found []foundRow, yield func(*Batch) bool) bool {
	b, cols := &g.batch, g.query.Columns
	g.beginBatch()
	for i := range found {
		x := &found[i]
		series := g.pieces[x.place.piece].series
		number, ok := g.numbers[series]
		if !ok {
			number = uint32(len(b.Series))
			g.numbers[series] = number
			b.Series = append(b.Series, g.snapshot.series[series].Series)
		}
		b.SeriesOf = append(b.SeriesOf, number)
		b.Known.Append(len(b.Times), x.known)
		b.Times = append(b.Times, x.time)
		b.Predicted = append(b.Predicted, x.predicted)
		b.Actual = append(b.Actual, x.actual)
		if cols&segment.IDs != 0 {
			b.IDs.AppendFrom(&g.rows.IDs, int(g.at[i]), int(g.at[i])+1)
		}
		if cols&segment.Features != 0 {
			b.Features.AppendFrom(&g.rows.Features, int(g.at[i]), int(g.at[i])+1)
		}
		if cols&segment.Lags != 0 {
			b.Lags = append(b.Lags, g.rows.Lags[g.at[i]])
		}
		if b.Len() == batchRows || len(b.IDs.Bytes)+len(b.Features.Bytes) >= batchBytes {
			if !yield(b) {
				return false
			}
			g.beginBatch()
		}
	}
	return b.Len() == 0 || yield(b)
}

// beginBatch empties the batch.
func (g *gathering) beginBatch() {
	g.batch.Reset()
	g.batch.Series, g.batch.SeriesOf = g.batch.Series[:0], g.batch.SeriesOf[:0]
	if g.numbers == nil {
		g.numbers = make(map[uint32]uint32)
	}
	clear(g.numbers)
}
