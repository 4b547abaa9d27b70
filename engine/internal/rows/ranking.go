package rows

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/residualdb/residual/segment"
)

// ranking finds the rows of a snapshot in an order, round by round: those of a round come behind all of the rounds before. In a round
// pieces are read in the order of the best row that each may have, until what is found is better than what any other can have. Of the
// rows found the numbers are held.
type ranking struct {
	*snapshot
	pipeline *pipeline

	// found are the best rows so far, at most wanted. Once they are so many they are a heap with the worst as the first, of which
	// worst is the rank.
	found  heap[foundRow]
	wanted int
	worst  rank
	// pieces are those that rows were found in.
	pieces []piece
	// after is the last row of the rounds before, in the first of pieces. There is one if begun is set.
	after foundRow
	begun bool
	// leads lead to the rest, those that may have the best row first.
	leads heap[lead]

	// salts are, for a Sample, a random number of each series.
	salts []uint64
	// ids are prediction ids of rows that are equal in all else, which reader reads.
	ids    map[rowPlace]string
	reader reader
	err    error
}

// foundRow is a row that was found, without its texts.
type foundRow struct {
	time              int64
	predicted, actual float64
	place             rowPlace // in a piece of the ranking
	known             bool
}

// rank is what orders rows but for their ids, the lowest first.
type rank struct {
	key    float64 // of WorstFirst: the error with its sign turned; of Sample: a random number; else 0
	time   int64   // turned for TimeDescending
	series uint32
}

func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.time, b.time), cmp.Compare(a.series, b.series))
}

// lead is a piece, or a node of a segment that stands over some.
type lead struct {
	best rank // that a row of it may have
	piece
	height uint32 // 0 for a piece
}

func newRanking(p *pipeline) *ranking {
	r := &ranking{snapshot: p.snapshot, pipeline: p, reader: reader{snapshot: p.snapshot}}
	r.found.before = func(a, b *foundRow) bool { return r.compare(a, b) > 0 }
	r.leads.before = func(a, b *lead) bool { return a.best.compare(b.best) < 0 }
	if r.query.Order == Sample {
		for i := range r.series {
			s := &r.series[i]
			salt := mixed(r.query.Seed)
			for _, name := range [...]string{s.Model, s.Version, s.Environment} {
				salt = mixed(salt ^ hashOf(name))
			}
			r.salts = append(r.salts, salt)
		}
	}
	return r
}

// round finds the next rows, at most so many as are wanted, in order. They are valid until the next round.
func (r *ranking) round(ctx context.Context, wanted int) ([]foundRow, error) {
	if n := len(r.found.items); n > 0 { // those of the round before
		r.after, r.begun = r.found.items[n-1], true
		r.pieces[0], r.after.place.piece = r.pieces[r.after.place.piece], 0
		r.pieces = r.pieces[:1]
	}
	r.found.items, r.wanted = r.found.items[:0], wanted
	clear(r.ids)
	r.begin()
	rows := 0
	for i := range r.leads.items {
		rows = min(rows+int(r.leads.items[i].rows), wanted)
	}
	r.found.items = slices.Grow(r.found.items, min(rows, roundRows))
	w := work{r.fill, func(of *reader, t *task) error { return t.readNumbers(of) }, r.take}
	if err := r.pipeline.each(ctx, w); err != nil {
		return nil, err
	}
	slices.SortFunc(r.found.items, func(a, b foundRow) int { return r.compare(&a, &b) })
	r.read.Add(r.reader.read)
	r.reader.read = segment.Read{}
	return r.found.items, r.err
}

// begin sets the leads to all that there is.
func (r *ranking) begin() {
	r.leads.items = r.leads.items[:0]
	for i := range r.models {
		m := &r.models[i]
		for series := m.series.from; series < m.series.to; series++ {
			for at := m.sources.from; at < m.sources.to; at++ {
				r.beginSource(series, at)
			}
		}
	}
	r.leads.init()
}

func (r *ranking) beginSource(series, at uint32) {
	src, number := &r.sources[at], r.snapshot.series[series].number
	l := lead{piece: piece{series: series, source: at}}
	if src.head != nil {
		of := src.head.Find(number)
		if of == nil {
			return
		}
		l.eachLeaf(src.head, of, func(p piece, leaf *segment.Aggregate) { r.leadTo(lead{piece: p}, leaf) })
		if l.rows = uint32(of.Staged()); l.rows > 0 {
			var times segment.Aggregate
			times.MinTime, times.MaxTime = src.head.StagedTimes(of)
			r.leadToWhole(l, &times)
		}
		return
	}
	of := src.sealed.Find(number)
	switch {
	case of == nil || !r.overlaps(of):
	case src.opened == nil:
		l.rows = uint32(of.Stored.Rows)
		r.leadToWhole(l, &segment.Aggregate{Counts: of.Stored})
	default:
		root := src.opened.Root(int(of.Index))
		l.at, l.height = root.At, root.Height
		r.leadTo(l, src.opened.Aggregate(root))
	}
}

// leadTo adds a lead to rows of an aggregate, unless the query wants none of them or they come before this round.
func (r *ranking) leadTo(l lead, a *segment.Aggregate) {
	if !r.query.wants(a) {
		return
	}
	if l.rows == 0 {
		l.rows = uint32(a.Rows)
	}
	first, last := rank{time: a.MinTime, series: l.series}, rank{time: a.MaxTime, series: l.series}
	switch r.query.Order {
	case WorstFirst:
		first.key, first.time = -a.MaxAbsError, a.ActualMinTime
	case TimeDescending:
		first.time, last.time = -a.MaxTime, -a.MinTime
	default:
	}
	if r.begun && last.compare(r.rankOf(&r.after)) < 0 {
		return
	}
	l.best = first
	r.leads.items = append(r.leads.items, l)
}

// leadToWhole is leadTo for rows of which nothing but the times is known.
func (r *ranking) leadToWhole(l lead, times *segment.Aggregate) {
	a := segment.Aggregate{Counts: segment.Counts{Rows: uint64(l.rows), MinTime: times.MinTime, MaxTime: times.MaxTime}}
	a.ActualMinTime = a.MinTime
	a.MaxAbsError = math.Inf(1)
	l.at = wholePiece
	if r.query.Actuals == WithActual {
		a.Actuals = a.Rows
	}
	r.leadTo(l, &a)
}

// fill gives a task the pieces that may have the best of the rows that are left.
func (r *ranking) fill(t *task) bool {
	for len(r.leads.items) > 0 && t.rows < batchRows/2 {
		best := &r.leads.items[0]
		if len(r.found.items) == r.wanted && best.best.compare(r.worst) > 0 {
			return false
		}
		l := r.leads.pop()
		if l.height == 0 {
			t.pieces, t.rows = append(t.pieces, l.piece), t.rows+int(l.rows)
			continue
		}
		src := &r.sources[l.source]
		of := src.sealed.Find(r.snapshot.series[l.series].number)
		over := segment.Node{Series: int32(of.Index), Height: l.height, At: l.at}
		for n := range src.opened.Under(over) {
			l.at, l.height, l.rows = n.At, n.Height, 0
			from := len(r.leads.items)
			if r.leadTo(l, src.opened.Aggregate(n)); len(r.leads.items) > from {
				r.leads.rise(from)
			}
		}
	}
	return len(r.leads.items) > 0
}

// readNumbers reads the numbers of those rows of the pieces of a task that the query wants.
func (t *task) readNumbers(r *reader) error {
	for i, p := range t.pieces {
		some, err := r.load(p, segment.Numbers)
		if err != nil {
			return err
		}
		if !some {
			continue
		}
		for row := r.keep.NextSet(0, r.n); row < r.n; row = r.keep.NextSet(row+1, r.n) {
			t.from = append(t.from, rowPlace{uint32(i), uint32(row)})
		}
		r.move(&t.batch.Columns, segment.Numbers)
	}
	return nil
}

// take takes those rows of a task that are better than the worst of those found.
func (r *ranking) take(t *task) (bool, error) {
	b := &t.batch
	for from := 0; from < len(t.from); {
		p, to := t.from[from].piece, from+1
		for to < len(t.from) && t.from[to].piece == p {
			to++
		}
		r.pieces = append(r.pieces, t.pieces[p])
		held := uint32(len(r.pieces) - 1)
		used := false
		for i := from; i < to; i++ {
			x := foundRow{b.Times[i], b.Predicted[i], b.Actual[i], rowPlace{held, t.from[i].row}, b.Known.Get(i)}
			used = r.consider(&x) || used
		}
		if !used && len(r.ids) == 0 {
			r.pieces = r.pieces[:held]
		}
		from = to
	}
	return r.err == nil, r.err
}

// consider takes a row if it is one of the best so far, and tells whether it is.
func (r *ranking) consider(x *foundRow) bool {
	rank := r.rankOf(x)
	full := len(r.found.items) == r.wanted
	if full {
		if c := rank.compare(r.worst); c > 0 || c == 0 && r.compare(x, &r.found.items[0]) >= 0 {
			return false
		}
	}
	if r.begun && r.compare(x, &r.after) <= 0 {
		return false
	}
	if full {
		r.found.items[0] = *x
		r.found.sink(0)
	} else if r.found.items = append(r.found.items, *x); len(r.found.items) == r.wanted {
		r.found.init()
	}
	r.worst = r.rankOf(&r.found.items[0])
	return true
}

func (r *ranking) rankOf(x *foundRow) rank {
	k := rank{time: x.time, series: r.pieces[x.place.piece].series}
	switch r.query.Order {
	case WorstFirst:
		k.key = -math.Abs(x.predicted - x.actual)
	case Sample:
		random := mixed(r.salts[k.series] ^ uint64(x.time))
		random = mixed(random ^ math.Float64bits(x.predicted))
		if x.known {
			random = mixed(random ^ math.Float64bits(x.actual))
		}
		k.key = float64(random >> 11)
	case TimeDescending:
		k.time = -x.time
	default:
	}
	return k
}

// hashOf is a number of a text.
func hashOf(text string) (hash uint64) {
	for i := range len(text) {
		hash = mixed(hash ^ uint64(text[i]))
	}
	return hash
}

// mixed is a number of which each bit depends on all of those of another one.
func mixed(x uint64) uint64 {
	x = (x + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// compare orders rows, those that are equal in all by their places.
func (r *ranking) compare(a, b *foundRow) int {
	if c := r.rankOf(a).compare(r.rankOf(b)); c != 0 {
		return c
	}
	p, q := &r.pieces[a.place.piece], &r.pieces[b.place.piece]
	if p.source != q.source || (p.at == wholePiece) != (q.at == wholePiece) { // else places are in the order of ids
		if c := cmp.Compare(r.id(a), r.id(b)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(p.source, q.source), cmp.Compare(p.at, q.at), cmp.Compare(a.place.row, b.place.row))
}

// idsHeld bounds the ids of rows that are equal in all else.
const idsHeld = 64 << 10

// id returns the prediction id of a row.
func (r *ranking) id(x *foundRow) string {
	id, ok := r.ids[x.place]
	if ok || r.err != nil {
		return id
	}
	if r.err = r.env.Queries.Begin(); r.err != nil {
		return ""
	}
	defer r.env.Queries.End()
	if r.err = r.reader.loadAll(r.pieces[x.place.piece], segment.IDs); r.err != nil {
		return ""
	}
	if r.ids == nil || len(r.ids) == idsHeld {
		r.ids = make(map[rowPlace]string)
	}
	id = string(r.reader.rows.IDs.At(int(x.place.row)))
	r.ids[x.place] = id
	return id
}
