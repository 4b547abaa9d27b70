package head

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

// TestViews makes views of a head between additions and changes of its rows, some of which come late, in batches large and small.
// Readers go over them meanwhile: a view has the rows that the head had when it was made, at any time, and also once the head is
// released. Generations run out on the way.
func TestViews(t *testing.T) {
	const seed, rounds, seriesCount = 7, 40, 3
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		h := New(1, new(Staging))
		h.generation = []uint16{0, generationMax - 5}[random.IntN(2)]
		var held []heldView
		var reading sync.WaitGroup
		var added []addedRow
		for range 1 + random.IntN(60) {
			switch random.IntN(5) {
			case 0:
				v := heldView{view: h.View([]uint32{0, 1, 2, 9})}
				v.rows = v.read()
				held = append(held, v)
				reading.Go(func() { v.require(t) })
			case 1:
				changeSome(h, random, added)
			default:
				addSome(h, random, uint32(random.IntN(seriesCount)), &added)
			}
		}
		if random.IntN(2) == 0 {
			h.Release()
		}
		reading.Wait()
		for _, v := range held {
			v.require(t)
		}
	}
}

// addedRow is a row that a head got.
type addedRow struct {
	series uint32
	time   int64
	id     string
}

// addSome adds rows of a series, most of them later than all before.
func addSome(h *Head, random *rand.Rand, series uint32, added *[]addedRow) {
	var o Batch
	rows := 1 + random.IntN([]int{4, 2 * stagedRunMax, 3 * leafRows}[random.IntN(3)])
	for i := range rows {
		ts := int64(len(*added) + i)
		if random.IntN(20) == 0 {
			ts = random.Int64N(ts + 1)
		}
		o.Times = append(o.Times, ts)
	}
	slices.Sort(o.Times)
	for _, ts := range o.Times {
		id := strconv.Itoa(len(*added))
		*added = append(*added, addedRow{series, ts, id})
		o.predicted, o.actual, o.Known = append(o.predicted, random.Float64()), append(o.actual, 1), append(o.Known, random.IntN(2) == 0)
		o.addTexts(id, "{}")
	}
	o.texts.shared = rows > leafRows && random.IntN(2) == 0
	if random.IntN(3) == 0 {
		o.lags = noLags(rows)
		o.lags[0] = 5
	}
	h.Add(h.Of(series, base.MinMilli), &o, 0, rows)
}

// changeSome changes or deletes some of the rows that came last, or of all.
func changeSome(h *Head, random *rand.Rand, added []addedRow) {
	some := added[random.IntN(len(added)+1):]
	for i := 0; i < len(some); i += 1 + random.IntN(300) {
		change := Change{Kind: ChangeKind(random.IntN(4)), Actual: random.Float64(), Known: true, Predicted: random.Float64(), Features: []byte(`{"a":1}`)}
		x := some[i]
		for r := range h.RowsOf(h.Find(x.series), x.time, []byte(x.id)) {
			r.Change(&change)
		}
	}
	h.Sum()
	if s := h.Find(0); s != nil && random.IntN(3) == 0 {
		from := random.Int64N(int64(len(added) + 1))
		h.DeleteWindow(s, base.Span{From: from, To: from + random.Int64N(2*leafRows)})
	}
}

// heldView is a view with the rows that it had when it was made.
type heldView struct {
	view View
	rows []segment.Columns
}

func (v *heldView) require(t *testing.T) {
	t.Helper()
	for i, rows := range v.read() {
		if !rows.Equal(&v.rows[i]) {
			t.Errorf("series %d of a view is not as it was", v.view.Series[i].Number)
		}
	}
}

func (v *heldView) read() []segment.Columns {
	all := make([]segment.Columns, len(v.view.Series))
	for i := range v.view.Series {
		readSeries(&all[i], &v.view, &v.view.Series[i])
	}
	return all
}

func readSeries(dst *segment.Columns, v *View, s *SeriesView) {
	var staged segment.Columns
	for leaf := range s.Leaves() {
		at := dst.Len()
		parts := 1 + leaf%3
		for part := range parts {
			v.AppendLeaf(dst, s, Part{leaf, part, parts}, segment.AllColumns)
		}
		if v.Parts(s, leaf) != 1 {
			panic("short texts in parts")
		}
		if a := s.Aggregate(leaf); int(a.Rows) != dst.Len()-at || a.MinTime != dst.Times[at] || a.MaxTime != dst.Times[dst.Len()-1] {
			panic("an aggregate is not that of its leaf")
		}
	}
	v.AppendStaged(&staged, s, segment.AllColumns)
	dst.AppendFrom(&staged, 0, staged.Len())
	if s.Staged() != staged.Len() {
		panic("rows that are staged")
	}
}
