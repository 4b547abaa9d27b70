package engine

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/verdict"
)

// place is where a row comes in a list: by class, the lowest first, then by rank, then by begun, the latest first, then by number,
// which is in the order of names.
type place struct {
	class  uint8
	state  ModelState
	number uint32
	rank   float64
	begun  int64
}

func comparePlaces(a, b *place, descending bool) int {
	class := cmp.Compare(a.class, b.class)
	if descending {
		class = -class
	}
	return cmp.Or(class, compareRanks(a.rank, b.rank, descending), cmp.Compare(b.begun, a.begun), cmp.Compare(a.number, b.number))
}

// place is that of a row of the model of this number.
func (o ModelsOrder) place(r *ModelRow, model int) (p place) {
	switch o {
	case OrderStatus:
		p.class, p.rank = r.place()
	case OrderAttention:
		p.class = 2 * uint8(r.State)
		if r.Environment != defaultEnvironment {
			p.class++
		}
		if p.rank = r.RelativeChangeLow.Float64(); r.RelativeChangeLow.Null == ZeroReference && r.Direction == Worse {
			p.rank = math.Inf(1)
		}
	case OrderModel:
		p.rank, p.begun = -float64(model), r.FirstEvent.UnixMilli()
	case OrderChange:
		p.rank = r.rank()
	case OrderMAE:
		p.rank = r.Recent.MAE.Float64()
	case OrderWas:
		p.rank = r.Reference.MAE.Float64()
	case OrderRMSE:
		p.rank = r.Recent.RMSE.Float64()
	case OrderBias:
		p.rank = math.Abs(r.Recent.Bias.Float64())
	case OrderCoverage:
		p.rank = r.Recent.ActualCoverage.Float64()
	case OrderCount:
		p.rank = float64(r.Recent.PredictionCount)
	case OrderWeek:
		if p.rank = math.NaN(); r.WeekAgoCount.Number > 0 {
			p.rank = float64(r.Recent.PredictionCount) / r.WeekAgoCount.Number
		}
	case OrderAge:
		p.rank = float64(r.FirstEvent.UnixMilli())
	case OrderLast:
		p.rank = float64(r.LastEvent.UnixMilli())
	default:
		panic("BUG: an order of models that there is not")
	}
	p.state = r.State
	return p
}

// list answers with the rows of a list, and what there is to tell beside them.
func (s *survey) list(q *DriftReportQuery, list *ModelsList, yield func(row *ModelRow) bool) (page ModelsPage, err error) {
	of, isShown, err := s.subjects(q, list)
	if err != nil {
		return page, err
	}
	words := lowered(list.Words)
	totals := newTotals()
	var places []place
	kept := keptRows{most: keptRowsMax, over: list.Limit > 0 && list.Limit <= ModelsListedFew}
	batch := s.newBatch()
	if batch.most > 0 {
		kept.most = keptGatheredMax
		s.lately = kept.over && list.Order != OrderLast && s.recentHasAll()
	}
	model := 0
	batch.do = func(groups []group) error {
		if err := s.groups(groups, list.Live); err != nil {
			return err
		}
		for i := range groups {
			g := &groups[i]
			model++
			for _, place := range g.gone {
				totals.add(model, g.of[place].Environment, verdict.Retired)
			}
			for i := range g.found {
				v := &g.found[i]
				totals.add(model, v.row.Environment, v.row.State)
				if n := g.numbers[v.place]; list.hasState(v.row.State) && isShown(n) {
					p := list.Order.place(&v.row, model)
					p.number = uint32(n)
					places = append(places, p)
					kept.add(uint32(n), v)
				}
			}
		}
		return nil
	}
	if err = eachModel(&of, func(t *query.Total) bool { return hasWords(t, words) }, batch.add); err == nil {
		err = batch.flush()
	}
	if err != nil {
		return page, err
	}
	s.lately, s.found = false, nil // what is handed on is kept by itself, however long that takes
	slices.SortFunc(places, func(a, b place) int { return comparePlaces(&a, &b, list.Descending) })
	page.Matched = len(places)
	if list.Totals {
		page.Totals = totals.all()
	}
	places = places[min(list.Offset, len(places)):]
	if list.Limit > 0 {
		places = places[:min(list.Limit, len(places))]
	}
	err = s.handOn(&of, places, &kept, list.Details, yield)
	page.Read = s.read
	return page, err
}

// subjects finds what a list is about, and what of it may have rows: all, or those of the environments asked for where the totals are
// about others too.
func (s *survey) subjects(q *DriftReportQuery, list *ModelsList) (of query.Subjects, isShown func(i int) bool, err error) {
	everything := func(int) bool { return true }
	of, err = s.find(&s.query)
	if err != nil || !list.Totals || Columns(s.query.Across)&EnvironmentColumn != 0 || orAll(q.Environment) == All && q.Literal&EnvironmentColumn == 0 {
		return of, everything, err
	}
	wide := *q
	wide.Environment, wide.Literal = All, q.Literal&^EnvironmentColumn
	plan := wide.queryPlan(All)
	plan.Ask(s.query.Asked()...)
	all, err := s.find(&plan)
	shown := make([]bool, all.Len())
	for i, j := 0, 0; i < of.Len() && j < all.Len(); j++ {
		if shown[j] = of.At(i).Series == all.At(j).Series; shown[j] {
			i++
		}
	}
	return all, func(i int) bool { return shown[i] }, err
}

// find finds what a plan is about.
func (s *survey) find(plan *query.Plan) (query.Subjects, error) {
	of, read, err := s.db.queries.Find(s.ctx, plan)
	s.read.Add(read)
	return of, err
}

func lowered(words []string) []string {
	low := make([]string, len(words))
	for i, word := range words {
		low[i] = strings.ToLower(word)
	}
	return low
}

func hasWords(t *query.Total, words []string) bool {
	if len(words) == 0 {
		return true
	}
	model, version := strings.ToLower(t.Model), strings.ToLower(t.Version)
	for _, word := range words {
		if !strings.Contains(model, word) && !strings.Contains(version, word) {
			return false
		}
	}
	return true
}

// ModelsListedFew is up to which limit the rows of a list are made twice, so that none is kept until it is their turn.
const ModelsListedFew = 128

// keptRowsMax is how many rows a survey keeps until it is their turn: some 3 MiB. Those of larger lists are made twice, but for rows that are
// elsewhere: to ask for those again takes as long as all before, so that keptGatheredMax are kept, which are some 100 MiB.
const keptRowsMax, keptGatheredMax = 2048, 65_536

// keptRows are the rows that were seen, by their numbers, if they are not too many.
type keptRows struct {
	rows map[uint32]*seen
	// most is how many are kept.
	most int
	// free is memory for the next ones.
	free []seen
	over bool
}

func (k *keptRows) add(number uint32, v *seen) {
	if k.over = k.over || len(k.rows) == k.most; k.over {
		k.rows, k.free = nil, nil
		return
	}
	if k.rows == nil {
		k.rows = make(map[uint32]*seen)
	}
	if len(k.free) == 0 {
		k.free = make([]seen, listedAtOnce)
	}
	k.free[0] = *v
	k.rows[number], k.free = &k.free[0], k.free[1:]
}

// listedAtOnce is how many rows are made under one run, but for rows that are elsewhere.
const listedAtOnce = 32

// handOn makes the rows of some places and hands them on.
func (s *survey) handOn(of *query.Subjects, places []place, kept *keptRows, details bool, yield func(row *ModelRow) bool) error {
	atOnce := listedAtOnce
	switch {
	case !s.db.queries.Gathers():
	case details || kept.over:
		atOnce = query.GatheredMost / 2
	default: // what the states of a few rows are about is all that is asked for
		atOnce = judgedMost
	}
	var made []*seen
	for some := range slices.Chunk(places, atOnce) {
		if err := s.begin(); err != nil {
			return err
		}
		s.run.Together(func() {
			made = made[:0]
			for i := range some {
				v := kept.rows[some[i].number]
				if v == nil {
					again, ok := s.look(of.At(int(some[i].number)))
					if !ok {
						continue
					}
					again.row.State = some[i].state
					v = &again
				}
				s.detail(v, details)
				made = append(made, v)
			}
		})
		if err := s.end(); err != nil {
			return err
		}
		for _, v := range made {
			if !yield(&v.row) {
				return nil
			}
		}
	}
	return nil
}

// totals count rows by environment and state, and the models that have any.
type totals struct {
	counts map[totalOf]*counted
}

type totalOf struct {
	environment string
	state       verdict.State
}

// counted is how many rows there are, and models; model is the last that was counted.
type counted struct{ versions, models, model int }

func newTotals() *totals { return &totals{counts: map[totalOf]*counted{}} }

// add counts a row of a model. All rows of a model come one after the other.
func (t *totals) add(model int, environment string, state verdict.State) {
	t.count(model, totalOf{environment, state})
	if environment != All {
		t.count(model, totalOf{All, state})
	}
}

func (t *totals) count(model int, of totalOf) {
	c := t.counts[of]
	if c == nil {
		c = new(counted)
		t.counts[of] = c
	}
	c.versions++
	if c.model != model {
		c.model = model
		c.models++
	}
}

func (t *totals) all() []ModelTotal {
	all := make([]ModelTotal, 0, len(t.counts))
	for of, c := range t.counts {
		all = append(all, ModelTotal{of.environment, of.state, c.versions, c.models})
	}
	slices.SortFunc(all, func(a, b ModelTotal) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.State, b.State))
	})
	return all
}

// eachModel calls do with the subjects of each model and their numbers, in the order of names: those that keep lets through.
func eachModel(of *query.Subjects, keep func(*query.Total) bool, do func(numbers []int, of []*query.Total) error) error {
	var model []*query.Total
	var numbers []int
	for i := range of.Len() {
		t := of.At(i)
		if len(model) > 0 && model[0].Model != t.Model {
			if err := do(numbers, model); err != nil {
				return err
			}
			model, numbers = model[:0], numbers[:0]
		}
		if keep(t) {
			model, numbers = append(model, t), append(numbers, i)
		}
	}
	if len(model) == 0 {
		return nil
	}
	return do(numbers, model)
}

// compareRanks orders by a number, the largest first, or last where descending is set. What is not known is last in both.
func compareRanks(a, b float64, descending bool) int {
	switch {
	case math.IsNaN(a) || math.IsNaN(b):
		return compareBool(math.IsNaN(a), math.IsNaN(b))
	case a == b:
		return 0
	case (a > b) != descending:
		return -1
	}
	return 1
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// hasState tells whether a list may have rows of a state.
func (l *ModelsList) hasState(s ModelState) bool {
	return (len(l.States) == 0 || slices.Contains(l.States, s)) && (!l.Live || s != verdict.Retired)
}
