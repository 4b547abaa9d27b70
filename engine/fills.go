package engine

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/residualdb/residual/segment"
)

// fills are the actuals that came for rows of a month which are sealed, or about to be. They add to the month's answers
// at once; the next checkpoint folds them into its segments. The publisher writes them under the model's lock; once
// frozen, leaves are replaced, never changed.
type fills struct {
	// generation is the checkpoint interval the actuals came in.
	generation uint64

	// Guarded by the model's lock.
	frozen bool
	series map[uint32]*fillSeries
	index  *idIndex // nil until one is looked up: most actuals come once
}

// fillSeries holds the fills of one series in leaves by time.
type fillSeries struct {
	leaves []*fillLeaf
}

// fillLeaf holds fills of the times from from to that of the next leaf, in the order they came: actuals come in any
// order, and sorting each into its place would cost more than reading an edge leaf whole.
type fillLeaf struct {
	from              int64
	times             []int64
	predicted, actual []float64
	lags              []int64
	hashes            []uint64
	// agg counts actuals and no rows.
	agg      segment.Aggregate
	sketches sketchCache
}

// fill is one of them.
type fill struct {
	hash              uint64
	time              int64
	predicted, actual float64
	lag               int64
}

func newFills(generation uint64) *fills {
	return &fills{generation: generation, series: make(map[uint32]*fillSeries)}
}

// add adds the actual of a row that waited.
func (f *fills) add(hash uint64, r waitingRow, actual float64, lag int64) {
	if f.index != nil {
		f.index.add(hash, r.series, r.time)
	}
	s := f.series[r.series]
	if s == nil {
		s = &fillSeries{leaves: []*fillLeaf{{from: minMilli}}}
		f.series[r.series] = s
	}
	s.add(fill{hash, r.time, r.predicted, actual, lag})
}

func (s *fillSeries) add(r fill) {
	i := s.find(r.time)
	if s.leaves[i].len() == leafRows {
		lower, upper := s.leaves[i].split()
		s.leaves[i] = lower
		s.leaves = slices.Insert(s.leaves, i+1, upper)
		if r.time >= s.leaves[i+1].from {
			i++
		}
	}
	l := s.leaves[i]
	l.append(r)
	l.agg.AddActual(r.time, r.predicted, r.actual)
	l.sketches.forget()
}

// find returns the last leaf that may hold ts.
func (s *fillSeries) find(ts int64) int {
	return sort.Search(len(s.leaves), func(i int) bool { return s.leaves[i].from > ts }) - 1
}

// findFirst returns the first leaf that may hold ts: leaves of a single time begin at the same one.
func (s *fillSeries) findFirst(ts int64) int {
	return sort.Search(len(s.leaves)-1, func(i int) bool { return s.leaves[i+1].from >= ts })
}

// window adds the fills in w to dst.
func (s *fillSeries) window(dst *answer, w span, want segment.Want) {
	for _, l := range s.leaves[s.findFirst(w.from):] {
		switch {
		case l.from >= w.to:
			return
		case l.agg.Actuals == 0 || l.agg.ActualMaxTime < w.from || l.agg.ActualMinTime >= w.to:
		case l.agg.ActualMinTime >= w.from && l.agg.ActualMaxTime < w.to:
			dst.MergeWanted(want, &l.agg)
			if want == segment.WantAll {
				l.sketches.addTo(&dst.sketches, dst.scratch, func(d *segment.Sketches) { l.addSketches(d, span{minMilli, maxMilli}) })
			}
		default:
			l.edge(dst, w, want)
		}
	}
}

func (l *fillLeaf) edge(dst *answer, w span, want segment.Want) {
	for i, ts := range l.times {
		if ts >= w.from && ts < w.to {
			dst.AddActual(ts, l.predicted[i], l.actual[i])
		}
	}
	if want == segment.WantAll {
		l.addSketches(&dst.sketches, w)
	}
}

func (l *fillLeaf) addSketches(dst *segment.Sketches, w span) {
	for i, ts := range l.times {
		if ts >= w.from && ts < w.to {
			dst.Add(l.predicted[i], l.actual[i], l.lags[i])
		}
	}
}

// at returns fill i.
func (l *fillLeaf) at(i int) fill {
	return fill{l.hashes[i], l.times[i], l.predicted[i], l.actual[i], l.lags[i]}
}

func (l *fillLeaf) len() int { return len(l.times) }

func (l *fillLeaf) append(r fill) {
	l.times = append(l.times, r.time)
	l.predicted = append(l.predicted, r.predicted)
	l.actual = append(l.actual, r.actual)
	l.lags = append(l.lags, r.lag)
	l.hashes = append(l.hashes, r.hash)
}

// split returns the halves of a full leaf, the earlier one first.
func (l *fillLeaf) split() (lower, upper *fillLeaf) {
	order := make([]int, l.len())
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(l.times[a], l.times[b]) })
	lower, upper = &fillLeaf{from: l.from}, &fillLeaf{from: l.times[order[len(order)/2]]}
	for rank, i := range order {
		half := lower
		if rank >= len(order)/2 {
			half = upper
		}
		half.append(l.at(i))
	}
	lower.aggregate()
	upper.aggregate()
	return lower, upper
}

func (l *fillLeaf) aggregate() {
	l.agg.Reset()
	for i, ts := range l.times {
		l.agg.AddActual(ts, l.predicted[i], l.actual[i])
	}
}

// edit applies e to the fills of its prediction id and tells whether there were any.
func (f *fills) edit(e *edit) (hit bool) {
	if f.index == nil {
		f.buildIndex()
	}
	for i, ok := f.index.first[e.hash]; ok && i >= 0; i = f.index.entries[i].next {
		at := f.index.entries[i]
		hit = f.series[at.series].edit(e, at.time, f.frozen) || hit
	}
	return hit
}

func (f *fills) buildIndex() {
	f.index = &idIndex{first: make(map[uint64]int32)}
	for number, s := range f.series {
		for _, l := range s.leaves {
			for i, hash := range l.hashes {
				f.index.add(hash, number, l.times[i])
			}
		}
	}
}

// edit applies e to the fills of the time ts, in copies of their leaves, which take the leaves' places.
func (s *fillSeries) edit(e *edit, ts int64, frozen bool) (hit bool) {
	for at := s.findFirst(ts); at < len(s.leaves) && s.leaves[at].from <= ts; at++ {
		if !slices.Contains(s.leaves[at].hashes, e.hash) {
			continue
		}
		hit = true
		if frozen { // a fold may be reading the slice
			s.leaves = slices.Clone(s.leaves)
		}
		s.leaves[at] = s.leaves[at].edited(e)
	}
	return hit
}

// edited returns a copy of the leaf in which e is applied to the fills of its prediction id.
func (l *fillLeaf) edited(e *edit) *fillLeaf {
	c := &fillLeaf{from: l.from}
	for i, hash := range l.hashes {
		r := l.at(i)
		if hash == e.hash {
			if e.deleted {
				continue
			}
			r.actual = e.actual
		}
		c.append(r)
	}
	c.aggregate()
	return c
}

// folding hands the actuals of fills to a merge, each to one row.
type folding struct {
	hash   func(id []byte) uint64
	series map[seriesName]*foldingSeries
}

// foldingSeries holds the fills of one series. An id may be in several, with rows alike in all else.
type foldingSeries struct {
	hash    func(id []byte) uint64
	actuals map[fillKey]fill
	taken   map[fillKey]int
}

// fillKey names the row of a series that a fill belongs to. Rows alike in all of it are interchangeable; each has its
// own count.
type fillKey struct {
	hash      uint64
	time      int64
	predicted uint64
	count     int
}

// newFolding collects fills. The model's lock is held only while the leaves are listed.
func newFolding(m *model, all []*fills, hash func(id []byte) uint64) *folding {
	leaves := make(map[seriesName][]*fillLeaf)
	m.mu.RLock()
	for _, f := range all {
		for number, s := range f.series {
			name := m.series[number].seriesName
			leaves[name] = append(leaves[name], s.leaves...)
		}
	}
	m.mu.RUnlock()
	f := &folding{hash, make(map[seriesName]*foldingSeries)}
	for name, l := range leaves {
		f.series[name] = newFoldingSeries(l, hash)
	}
	return f
}

func newFoldingSeries(leaves []*fillLeaf, hash func(id []byte) uint64) *foldingSeries {
	f := &foldingSeries{hash, make(map[fillKey]fill), make(map[fillKey]int)}
	for _, l := range leaves {
		for i, hash := range l.hashes {
			key := fillKey{hash: hash, time: l.times[i], predicted: math.Float64bits(l.predicted[i])}
			for _, held := f.actuals[key]; held; _, held = f.actuals[key] {
				key.count++
			}
			f.actuals[key] = l.at(i)
		}
	}
	return f
}

// fill implements [segment.Fill].
func (f *folding) fill(version, environment string) segment.FillRow {
	if s := f.series[seriesName{version, environment}]; s != nil {
		return s.fill
	}
	return nil
}

// fill implements [segment.FillRow].
func (f *foldingSeries) fill(ts int64, predicted float64, id []byte) (actual float64, lag int64, ok bool) {
	key := fillKey{hash: f.hash(id), time: ts, predicted: math.Float64bits(predicted)}
	count := f.taken[key]
	r, ok := f.actuals[fillKey{key.hash, key.time, key.predicted, count}]
	if ok {
		f.taken[key] = count + 1
	}
	return r.actual, r.lag, ok
}
