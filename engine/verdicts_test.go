package engine_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestVerdictsAreStatesThen holds each state of a strip to that of a list which is asked for as of the end of the bucket, of rows that are here and
// of rows that are elsewhere.
func TestVerdictsAreStatesThen(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	k := &kept{rows: rowsElsewhere(r)}
	var b event.Batch
	for _, e := range k.rows {
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
	ctx := context.Background()
	compared := 0
	for range 6 {
		q := engine.ModelsQuery{
			Model: "*", Version: "*", Environment: "*", Recent: time.Duration(1+r.IntN(60)) * time.Hour, Historical: time.Duration(100+r.IntN(300)) * time.Hour,
			RecentMinActuals: uint64(r.IntN(2) * 5),
		}
		of := engine.VerdictsQuery{ModelsQuery: q, Window: 30 * time.Hour}
		var rows, elsewhere []engine.VerdictRow
		_, err := db.EachVerdict(ctx, of, func(row *engine.VerdictRow) bool { rows = append(rows, *row); return true })
		require.NoError(t, err)
		_, err = engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).EachVerdict(ctx, of, func(row *engine.VerdictRow) bool {
			elsewhere = append(elsewhere, *row)
			return true
		})
		require.NoError(t, err)
		require.Equal(t, rows, elsewhere)
		then := map[time.Time]map[event.Series]engine.ModelState{}
		for i := range rows {
			end := rows[i].End
			if end.After(testNow) {
				continue
			}
			if then[end] == nil {
				then[end] = map[event.Series]engine.ModelState{}
				q.AsOf = end
				_, err := db.ListModels(ctx, q, engine.ModelsList{}, func(row *engine.ModelRow) bool { then[end][row.Series] = row.State; return true })
				require.NoError(t, err)
			}
			require.Equal(t, then[end][rows[i].Series], rows[i].State, "%+v at %s", rows[i].Series, end)
			compared++
		}
	}
	require.Positive(t, compared)
}
