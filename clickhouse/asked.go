package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// asked is a shard that a question is about.
type asked struct {
	*shard
	form

	// early are sums that were asked for before the series were known, of earlyCells; nil where there are none.
	early      *added
	earlyCells *engine.Cells
}

// form is what is known of the rows of some models. It decides which statement is tried first, and what comes late to it makes none wrong: of
// actuals that come meanwhile an answer need not know, and rows of both kinds are seen by who reads them.
type form struct {
	scopes
	// series is how many there are. kinds are those of the rows of each that has rows of both in a month, by month: of month n, counted from the
	// year 0, in the two bits from 2 * (n % 32) on.
	series int
	kinds  map[event.Series]uint64
}

// scopes are those of the actuals that came apart from the rows of some models.
type scopes struct {
	// actuals is set where there are any, and scoped where one of these names a version or an environment.
	actuals, scoped bool
}

// add takes in a model that has such actuals.
func (s *scopes) add(scoped bool) { s.actuals, s.scoped = true, s.scoped || scoped }

// within tells whether what is right of rows with other scopes is right of those with these.
func (s scopes) within(other scopes) bool {
	return (other.actuals || !s.actuals) && (other.scoped || !s.scoped)
}

// Kinds of rows, of which a month has a set.
const (
	withoutActual = 1
	withActual    = 2
	bothKinds     = withoutActual | withActual
)

// bothInMonth tells whether a month has rows of both kinds.
func bothInMonth(kinds uint64) bool { return kinds&(kinds>>1)&0x5555555555555555 != 0 }

// mixed returns the series that have rows of both kinds in a month of some spans, sorted: identities may have one of each. whole tells
// whether these are all that there are.
func (f *form) mixed(spans []engine.CellSpan) (mixed []event.Series, whole bool) {
	months := monthsOf(spans)
	for of, kinds := range f.kinds {
		if bothInMonth(kinds & months) {
			mixed = append(mixed, of)
		}
	}
	slices.SortFunc(mixed, compareSeries)
	return mixed, len(mixed) > 0 && len(mixed) == f.series
}

func compareSeries(a, b event.Series) int {
	return cmp.Or(strings.Compare(a.Model, b.Model), strings.Compare(a.Version, b.Version), strings.Compare(a.Environment, b.Environment))
}

// monthsOf are the bits of the months of some spans.
func monthsOf(spans []engine.CellSpan) (bits uint64) {
	const slots = 32
	number := func(ms int64) int {
		at := time.UnixMilli(ms).UTC()
		return at.Year()*12 + int(at.Month())
	}
	for _, span := range spans {
		first, last := number(span.From), number(span.To-1)
		for n := first; n <= min(last, first+slots-1); n++ {
			bits |= bothKinds << (2 * (n % slots))
		}
	}
	return bits
}

// forms has the form that the rows of some models had when a question was last asked about them. The next question about the same models is
// answered by it at once, and by the right one where it has changed.
type forms struct {
	mu sync.Mutex
	of map[formOf]form
}

// formOf is some models of a shard.
type formOf struct {
	shard     *shard
	condition string
}

// formsKept bounds the forms, and the series of each.
const formsKept = 1000

func (f *forms) get(of formOf) (is form, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	is, ok = f.of[of]
	return is, ok
}

func (f *forms) set(of formOf, is form) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(is.kinds) > formsKept {
		is.kinds = nil
	}
	if f.of == nil || len(f.of) >= formsKept {
		f.of = make(map[formOf]form)
	}
	f.of[of] = is
}

// learn notes that series have rows of both kinds in the months of some spans.
func (f *form) learn(mixed []event.Series, spans []engine.CellSpan) {
	if len(mixed) == 0 {
		return
	}
	kinds := maps.Clone(f.kinds)
	if kinds == nil {
		kinds = make(map[event.Series]uint64)
	}
	for _, of := range mixed {
		kinds[of] |= monthsOf(spans)
	}
	f.kinds = kinds
}

// begin asks a shard for the series of the question's models and, at the same time, for the sums that it is known to ask for. These are added up
// in the form that was right the last time, and again where that has changed.
func (q *sums) begin(ctx context.Context, of *asked, ahead *engine.Ahead) (series []engine.SeriesSpan, err error) {
	if ahead.Cells == nil {
		return q.store.series(ctx, of, &q.models)
	}
	key := formOf{of.shard, q.models.condition}
	guess := &asked{shard: of.shard}
	var guessed bool
	guess.form, guessed = q.store.forms.get(key)
	var found *added
	if ahead.BySight { // of models that nobody has asked about it is tried as if their rows had come with their actuals
		if found, err = q.seen(ctx, guess, ahead.Cells); err == nil {
			series, of.form = found.series(), guess.form
			of.series = len(series)
		}
	} else {
		if !guessed {
			guess = nil
		}
		series, found, err = q.seriesAndSums(ctx, of, guess, ahead.Cells)
	}
	if err != nil {
		return nil, err
	}
	of.learn(found.mixed, ahead.Cells.Spans)
	of.early, of.earlyCells = found, ahead.Cells
	q.store.forms.set(key, of.form)
	return series, nil
}

// seen adds up the rows of a shard in a form, by a statement that also says whether the scopes are right: asking for these beside it took 1 ms
// more. What they are beyond is found by trying.
func (q *sums) seen(ctx context.Context, of *asked, cells *engine.Cells) (*added, error) {
	for {
		found, err := q.addedUp(ctx, of, cells, nil, true)
		if err != nil || !found.scopesBeyond {
			return found, err
		}
		of.scopes = scopes{actuals: true, scoped: of.actuals}
	}
}

// seriesAndSums asks for the series and, beside it, for the sums in the form that is guessed; after it where there is none.
func (q *sums) seriesAndSums(ctx context.Context, of, guess *asked, cells *engine.Cells) (series []engine.SeriesSpan, found *added, err error) {
	early, cancel := context.WithCancel(ctx)
	defer cancel()
	var guessing errorGroup
	if guess != nil {
		guessing.do(func() (err error) {
			found, err = q.addedUp(early, guess, cells, nil, false)
			return err
		})
	}
	series, err = q.store.series(ctx, of, &q.models)
	wrong := err != nil || guess != nil && !of.within(guess.scopes)
	if wrong {
		cancel()
	}
	if guessing.wait() != nil || wrong { // whatever failed is tried again, and what fails then is said
		found = nil
	}
	if err == nil && found == nil {
		found, err = q.addedUp(ctx, of, cells, nil, false)
	}
	return series, found, err
}

// series returns those that have rows in the cells.
func (x *added) series() []engine.SeriesSpan {
	spans := make([]engine.SeriesSpan, len(x.sums))
	for i := range x.sums {
		s := &x.sums[i]
		spans[i] = engine.SeriesSpan{Series: s.series, First: s.MinTime, Last: s.MaxTime}
	}
	return mergedSpans(spans)
}

// mergedSpans puts those of one series together.
func mergedSpans(spans []engine.SeriesSpan) []engine.SeriesSpan {
	slices.SortFunc(spans, func(a, b engine.SeriesSpan) int { return compareSeries(a.Series, b.Series) })
	merged := spans[:0]
	for _, x := range spans {
		if last := len(merged) - 1; last >= 0 && merged[last].Series == x.Series {
			merged[last].First, merged[last].Last = min(merged[last].First, x.First), max(merged[last].Last, x.Last)
			continue
		}
		merged = append(merged, x)
	}
	return merged
}

// taken returns the sums of cells that were asked for before, once.
func (a *asked) taken(cells *engine.Cells) *added {
	if a.early == nil || cells.Only != nil || cells.Own != nil || cells.Counted || cells.Want != a.earlyCells.Want || !slices.Equal(cells.Bounds, a.earlyCells.Bounds) || !slices.Equal(cells.Spans, a.earlyCells.Spans) {
		return nil
	}
	found := a.early
	a.early = nil
	return found
}

// series asks a shard for the series of some models, and for the form of their rows. Rows of the tables that are about models known by name are
// few, and are put together here, which takes half of the time.
func (s *Store) series(ctx context.Context, of *asked, models *named) (found []engine.SeriesSpan, err error) {
	columns, groups := "first, last, "+kindsOfMonth, ""
	scoped, unlessNone := "scoped", ""
	if models.names == nil {
		scoped, unlessNone = "max(scoped)", " HAVING count() > 0"
		columns, groups = "min(first), max(last), groupBitOr("+kindsOfMonth+")", " GROUP BY model_id, model_version, environment"
	}
	statement := fmt.Sprintf("SELECT model_id, model_version, environment, %[1]s\nFROM %[2]s.series WHERE %[3]s%[4]s\nUNION ALL SELECT '', '', '', toInt64(0), toInt64(0), toUInt64(%[5]s) FROM %[2]s.scopes WHERE %[3]s%[6]s",
		columns, s.config.Database, models.condition, groups, scoped, unlessNone)
	err = of.ask(ctx, "read series", func(ctx context.Context, conn driver.Conn) error {
		found, of.form = found[:0], form{}
		kinds := make(map[event.Series]uint64)
		err := eachRow(query(ctx), conn, statement, func(rows driver.Rows) error {
			var x engine.SeriesSpan
			var months uint64
			if err := rows.Scan(&x.Model, &x.Version, &x.Environment, &x.First, &x.Last, &months); err != nil {
				return err
			}
			if x.Model == "" { // of the scopes: no model has this name
				of.add(months > 0)
				return nil
			}
			kinds[x.Series] |= months
			found = append(found, x)
			return nil
		})
		of.series = len(kinds)
		maps.DeleteFunc(kinds, func(_ event.Series, months uint64) bool { return !bothInMonth(months) })
		of.kinds = kinds
		return err
	})
	return mergedSpans(found), err
}

// kindsOfMonth are the kinds of a row of the table series as [form] has them.
const kindsOfMonth = "bitShiftLeft(toUInt64(kinds), 2 * ((intDiv(month, 100) * 12 + month % 100) % 32))"
