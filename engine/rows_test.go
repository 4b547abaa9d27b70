package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// rowRead is a row as a batch has it.
type rowRead struct {
	event.Event
	lag int64
}

// rowsOf returns the rows of a query in the order in which they come, and holds batches to what they promise.
func rowsOf(t *testing.T, db *engine.DB, q engine.RowsQuery) []rowRead {
	t.Helper()
	var all []rowRead
	for b, err := range db.Rows(context.Background(), q) {
		require.NoError(t, err, "%+v", q)
		all = append(all, rowsOfBatch(t, b, q.Columns)...)
	}
	return all
}

func rowsOfBatch(t *testing.T, b *engine.RowBatch, columns engine.RowColumns) (all []rowRead) {
	t.Helper()
	if columns == 0 {
		columns = engine.IDColumn | engine.FeaturesColumn | engine.LagColumn
	}
	n := b.Len()
	require.Positive(t, n)
	require.LessOrEqual(t, n, 2048)
	require.Len(t, b.SeriesOf, n)
	require.Len(t, b.Predicted, n)
	require.Len(t, b.Actual, n)
	for i := range n {
		s := b.Series[b.SeriesOf[i]]
		r := rowRead{event.Event{
			ModelID: s.Model, ModelVersion: s.Version, Environment: s.Environment, Timestamp: time.UnixMilli(b.Times[i]).UTC(),
			PredictedValue: b.Predicted[i], ActualValue: b.Actual[i], HasActual: b.Known.Get(i),
		}, segment.NoLag}
		if columns&engine.IDColumn != 0 {
			r.PredictionID = string(b.IDs.At(i))
		}
		if columns&engine.FeaturesColumn != 0 {
			r.Features = string(b.Features.At(i))
		}
		if columns&engine.LagColumn != 0 {
			r.lag = b.Lags[i]
		}
		all = append(all, r)
	}
	for _, c := range []struct {
		column engine.RowColumns
		n      int
	}{{engine.IDColumn, b.IDs.Len()}, {engine.FeaturesColumn, b.Features.Len()}, {engine.LagColumn, len(b.Lags)}} {
		if columns&c.column == 0 {
			n = 0
		} else {
			n = b.Len()
		}
		require.Equal(t, n, c.n)
	}
	return all
}

// rowsQuery asks for rows in every way.
func (c chooser) rowsQuery() engine.RowsQuery {
	m := c.metricsQuery()
	q := engine.RowsQuery{
		Model: m.Model, Version: m.Version, Environment: m.Environment, Within: m.Within, Window: m.Window, From: m.From, To: m.To, AsOf: m.AsOf,
		Actuals: engine.ActualsFilter(max(0, c.IntN(5)-2)),
		Columns: engine.RowColumns(c.IntN(16)),
		Order:   engine.RowOrder(c.IntN(4)),
	}
	if q.From.IsZero() && c.IntN(2) == 0 {
		q.From = time.Unix(0, 0)
	}
	if c.IntN(3) == 0 {
		q.Limit = 1 + c.IntN(1<<c.IntN(10))
	}
	if q.Order == engine.WorstFirst {
		q.Limit = max(q.Limit, 1+c.IntN(20))
		q.Actuals = engine.ActualsFilter(c.IntN(2))
	}
	if c.IntN(8) == 0 {
		q.ID = fmt.Sprintf("pred_%d", c.IntN(100))
	}
	for range max(0, c.IntN(5)-2) {
		q.Features = append(q.Features, engine.FeatureCondition{
			Key: c.pick("n", "s", "s", "again", "nested.n", "nested.deep.s", "a.b", "none"), Op: engine.Comparator(c.IntN(6)),
			Value: c.pick("1", "2", "1.5", "-3", "a", "b", "true", "null", "", "10", "9007199254740993"),
		})
	}
	return q
}

// features are now and then of another shape.
func (c chooser) features() string {
	return c.pick(
		`{"feature1":1}`, fmt.Sprintf(`{"n":%d,"s":%q}`, c.IntN(4), c.pick("a", "b", "1", "10")),
		fmt.Sprintf(`{ "s" : "\u0061" , "n" : %g }`, float64(c.IntN(20))/4-2), `{"nested":{"n":1,"deep":{"s":"a"}},"s":["a"],"n":{}}`,
		`{"nested.n":2,"nested":{"n":1},"a":{"b":true},"a.b":false}`, `{"n":9007199254740992,"s":null}`, `{"n":9007199254740993}`, `[1]`, `"n"`, `{}`,
	)
}

// oracleMatches tells whether features hold a condition, by way of encoding/json.
func oracleMatches(c engine.FeatureCondition, features string) bool {
	d := json.NewDecoder(strings.NewReader(features))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		panic("features that are no JSON")
	}
	order, ok := 0, false
	var number json.Number
	numeric := json.Unmarshal([]byte(c.Value), &number) == nil && c.Value != "null" && c.Value[0] != '"'
	kind := numeric // whether the value is of the text's kind
	if found, there := oracleLookup(v, c.Key); there {
		switch x := found.(type) {
		case json.Number:
			if numeric {
				a, b := exact(), exact()
				_, _, err := a.Parse(x.String(), 10)
				_, _, other := b.Parse(number.String(), 10)
				order, ok = a.Cmp(b), err == nil && other == nil
			}
		case string:
			order, ok, kind = strings.Compare(x, c.Value), true, !numeric
		case bool:
			order, ok, kind = strings.Compare(strconv.FormatBool(x), c.Value), true, false
		case nil:
			order, ok, kind = strings.Compare("null", c.Value), true, false
		}
	}
	if !ok || order != 0 && !kind {
		return c.Op == engine.NotEqual
	}
	return map[engine.Comparator]bool{
		engine.Equal: order == 0, engine.NotEqual: order != 0, engine.Less: order < 0, engine.LessOrEqual: order <= 0,
		engine.Greater: order > 0, engine.GreaterOrEqual: order >= 0,
	}[c.Op]
}

func oracleLookup(v any, key string) (found any, ok bool) {
	object, _ := v.(map[string]any)
	if found, ok = object[key]; ok {
		return found, true
	}
	for at := range key {
		if key[at] != '.' {
			continue
		}
		if inner, there := object[key[:at]]; there {
			if found, ok = oracleLookup(inner, key[at+1:]); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// rows returns those of a query, in its order but without its limit.
func (o *oracle) rowsOf(q engine.RowsQuery, now time.Time) (all []rowRead) {
	from, end := bounds(engine.MetricsQuery{Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf}, now)
	named := o.named(oracleNames{q.Within, q.Model, cmp.Or(q.Version, "latest"), cmp.Or(q.Environment, "production"), from, end})
	for _, r := range o.rows {
		ok := named(r) && !r.Timestamp.Before(from) && (end.IsZero() || r.Timestamp.Before(end)) &&
			(q.ID == "" || r.PredictionID == q.ID) && (q.Order != engine.WorstFirst || r.HasActual) &&
			(q.Actuals == engine.AnyActual || r.HasActual == (q.Actuals == engine.WithActual)) &&
			!slices.ContainsFunc(q.Features, func(c engine.FeatureCondition) bool { return !oracleMatches(c, r.Features) })
		if !ok {
			continue
		}
		read := rowRead{r.Event, segment.NoLag}
		if r.HasActual && r.hasLag {
			read.lag = r.lag.Milliseconds()
		}
		if !r.HasActual {
			read.ActualValue = 0
		}
		all = append(all, read)
	}
	slices.SortFunc(all, func(a, b rowRead) int { return compareRead(q.Order, &a, &b) })
	return all
}

// compareRead orders rows as a query does; the order of those that are unordered is that of time.
func compareRead(order engine.RowOrder, a, b *rowRead) int {
	first := 0
	switch order {
	case engine.WorstFirst:
		first = -cmp.Compare(math.Abs(a.PredictedValue-a.ActualValue), math.Abs(b.PredictedValue-b.ActualValue))
	case engine.TimeDescending:
		first = -a.Timestamp.Compare(b.Timestamp)
	default:
	}
	return cmp.Or(first, a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.ModelID, b.ModelID), cmp.Compare(a.ModelVersion, b.ModelVersion),
		cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.PredictionID, b.PredictionID))
}

// without leaves out the columns that a query does not ask for.
func (r rowRead) without(columns engine.RowColumns) rowRead {
	if columns == 0 {
		return r
	}
	if columns&engine.IDColumn == 0 {
		r.PredictionID = ""
	}
	if columns&engine.FeaturesColumn == 0 {
		r.Features = ""
	}
	if columns&engine.LagColumn == 0 {
		r.lag = segment.NoLag
	}
	return r
}

// requireRows holds that the rows read are those wanted, as far as the query asks for them.
func requireRows(t *testing.T, q engine.RowsQuery, want, got []rowRead) {
	t.Helper()
	limited := len(want)
	if q.Limit > 0 {
		limited = min(limited, q.Limit)
	}
	require.Len(t, got, limited, "%+v", q)
	if q.Order != engine.Unordered {
		want = want[:limited]
		for i := range want {
			if row := want[i].without(q.Columns); row != got[i] {
				require.Equal(t, row, got[i], "row %d of %+v", i, q)
			}
		}
		return
	}
	left := make(map[rowRead]int)
	for _, r := range want {
		left[r.without(q.Columns)]++
	}
	for _, r := range got {
		if left[r] == 0 {
			require.Fail(t, "a row that is not wanted", "%+v of %+v", r, q)
		}
		left[r]--
	}
}
