package project_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/project"
)

// asked is a store with rows, and pipes that are asked about it.
type asked struct {
	db    *engine.DB
	pipes *project.Pipes
}

// openStore opens a store with rows; most of them are sealed.
func openStore(t testing.TB, ndjson string) *engine.DB {
	t.Helper()
	db, err := engine.Open(t.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return genNow }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	decoder := event.NewDecoder()
	lines := strings.SplitAfter(ndjson, "\n")
	for i, part := range [...][]string{lines[:len(lines)*3/4], lines[len(lines)*3/4:]} {
		batch := new(event.Batch)
		require.NoError(t, decoder.Decode(batch, []byte(strings.Join(part, "")), event.NDJSON, db.Rules()))
		done, err := db.Append(t.Context(), batch)
		require.NoError(t, err)
		require.Zero(t, done.Quarantined)
		if i == 0 {
			require.NoError(t, db.Checkpoint(t.Context()))
		}
	}
	return db
}

func openRows(t testing.TB, rows []genRow) *asked {
	t.Helper()
	return &asked{openStore(t, ndjson(rows)), &project.Pipes{}}
}

func (a *asked) ask(statement string) (*endpoint.Answer, error) {
	return a.pipes.Run(context.Background(), &endpoint.Ask{SQL: statement, Now: genNow, Store: a.db})
}

// cellsOf are the rows of an answer as JSON has them.
func cellsOf(a *endpoint.Answer) [][]any {
	rows := make([][]any, len(a.Rows))
	for i, row := range a.Rows {
		for j, v := range row {
			var cell any
			switch t := a.Columns[j].Type; {
			case v.Null:
			case t.Kind == endpoint.String:
				cell = v.Text
			case t.Kind == endpoint.Float && (math.IsNaN(v.Number) || math.IsInf(v.Number, 0)):
			case t.Kind == endpoint.Float:
				cell = v.Number
			case t.Kind == endpoint.UInt && t.Bool:
				cell = v.Whole != 0
			case t.Kind == endpoint.UInt:
				cell = float64(uint64(v.Whole))
			case t.Kind == endpoint.Int:
				cell = float64(v.Whole)
			case t.Kind == endpoint.Date:
				cell = time.UnixMilli(v.Whole).UTC().Format(time.DateOnly)
			default:
				cell = time.UnixMilli(v.Whole).UTC().Format(time.DateTime)
			}
			rows[i] = append(rows[i], cell)
		}
	}
	return rows
}

// TestAgainstRows holds statements over a table to what a loop over the rows makes of them.
func TestAgainstRows(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	rows := generateRows(g.Rand, 1500)
	a := openRows(t, rows)
	answered := 0
	const statements = 250 / race.Fewer
	for range statements {
		q := g.grouped()
		got, err := a.ask(q.sql)
		if err != nil {
			require.ErrorIs(t, err, endpoint.ErrAsk, q.sql)
			continue
		}
		answered++
		want := q.answer(rows)
		require.Len(t, got.Rows, len(want), q.sql)
		for _, row := range cellsOf(got) {
			var key []string
			for _, cell := range row[:len(q.groups)] {
				key = append(key, fmt.Sprint(cell))
			}
			of, ok := want[strings.Join(key, "|")]
			require.True(t, ok, "%s: there is no group %s", q.sql, key)
			for i, cell := range row[len(q.groups):] {
				f, ok := cell.(float64)
				if !ok {
					f = math.NaN()
				}
				if w := of[i]; f != w && !(math.IsNaN(f) && math.IsNaN(w)) && !(math.Abs(f-w) <= 1e-12*math.Abs(w)) {
					t.Fatalf("%s: group %s, aggregate %d: %v, the rows have %v", q.sql, key, i, f, w)
				}
			}
		}
	}
	require.Greater(t, answered, statements*4/5)
}

// answer is what a loop over the rows makes of the statement: the aggregates of each group.
func (q *grouped) answer(rows []genRow) map[string][]float64 {
	groups := map[string][]*genRow{}
	if len(q.groups) == 0 {
		groups[""] = nil
	}
	for i := range rows {
		r := &rows[i]
		if !r.known || slices.ContainsFunc(q.conditions, func(c genCondition) bool { return !c.holds(r) }) {
			continue
		}
		var key []string
		for _, k := range q.groups {
			key = append(key, k.text(r))
		}
		groups[strings.Join(key, "|")] = append(groups[strings.Join(key, "|")], r)
	}
	answer := map[string][]float64{}
	for key, of := range groups {
		for _, a := range q.aggregates {
			answer[key] = append(answer[key], a.of(of))
		}
	}
	return answer
}
