package quarantine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/memory"
)

const (
	sourcePredictions = "ml_model_predictions"
	sourceActuals     = "ml_model_actuals"
)

// result is what list reads.
type result struct {
	Rows    []Row
	Dropped uint64
}

// TestQuarantineHoldsTheNewest holds the quarantine to a slice that is cut at its beginning: within the bounds are the
// newest rows, in their order, and what lists get of them. Now and then the rows of a source are removed.
func TestQuarantineHoldsTheNewest(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	for run := range 30 {
		r := rand.New(rand.NewPCG(s, uint64(run)))
		q := New(1 << (8 + r.IntN(10)))
		q.rowsMax = 1 + r.IntN(200)
		var all []Row
		for i := range 1000 {
			row := Row{
				Source: []string{sourcePredictions, sourceActuals}[r.IntN(2)], Column: "features", Reason: "bad", Code: event.CodeFeatures,
				ImportID: fmt.Sprintf("%016x", i), LineNumber: i, Line: bytes.Repeat([]byte{'x'}, 1+r.IntN(1<<r.IntN(12))),
				InsertedAt: time.UnixMilli(int64(i)).UTC(),
			}
			all = append(all, row)
			revision := q.Revision()
			q.AddRow(row)
			require.NotEqual(t, revision, q.Revision())
			require.LessOrEqual(t, q.ring.len(), q.rowsMax)
			require.LessOrEqual(t, q.ring.bytes, q.bytesMax)
			if r.IntN(300) == 0 {
				all = removeAlike(t, q, all, row.Source)
			}
		}
		held := q.list("", len(all))
		require.Len(t, held.Rows, q.Kept())
		require.EqualValues(t, len(all)-len(held.Rows), held.Dropped)
		newest := all[len(all)-len(held.Rows):]
		slices.Reverse(held.Rows)
		require.Equal(t, slices.Clip(newest), append([]Row{}, held.Rows...))
		actuals := q.list(sourceActuals, 3).Rows
		want := slices.DeleteFunc(slices.Clone(newest), func(x Row) bool { return x.Source != sourceActuals })
		slices.Reverse(want)
		require.Equal(t, append([]Row{}, want[:min(3, len(want))]...), append([]Row{}, actuals...))

		var listed []Row
		for from, to := uint64(0), q.Next(); from < to; {
			entries, rows, rest := q.Entries(from, to, 1+r.IntN(5000))
			for c := columns.NewCursor(entries, base.ErrCorrupt); len(c.Rest) > 0; rows-- {
				listed = append(listed, readEntry(&c, listVersion))
				require.NoError(t, c.Err)
			}
			require.Zero(t, rows)
			from = rest
		}
		require.Equal(t, held.Rows, listed)
	}
}

// removeAlike removes the rows of a source from a quarantine, and those of them that it held from all that it got.
func removeAlike(t *testing.T, q *Quarantine, all []Row, source string) []Row {
	t.Helper()
	held := len(q.list("", len(all)).Rows)
	var kept []Row
	for i, row := range all {
		if i < len(all)-held || row.Source != source {
			kept = append(kept, row)
		}
	}
	require.Equal(t, len(all)-len(kept), q.Count(source))
	require.Equal(t, len(all)-len(kept), q.Empty(source))
	require.Zero(t, q.Count(source))
	return kept
}

// TestQuarantineWork holds the work for a reject to be the same however many there are: none copies those before it.
func TestQuarantineWork(t *testing.T) {
	const rejects, each = 300_000, 400
	q := New(BytesMax)
	x := []event.Reject{{Line: 1, Reason: "not JSON", Code: event.CodeSyntax, Raw: []byte("x")}}
	n := memory.Allocated(func() {
		for i := range uint64(rejects) {
			q.Add(i, 1_790_000_000_000, sourcePredictions, x, 1)
		}
	})
	require.Less(t, n, uint64(rejects*each))
	require.Equal(t, RowsMax, q.ring.len())
	require.EqualValues(t, rejects-RowsMax, q.Dropped())
}

// list reads the newest rows of a source, a few at a time.
func (q *Quarantine) list(source string, limit int) (r result) {
	r.Dropped = q.Dropped()
	for next, more := uint64(math.MaxUint64), true; more && len(r.Rows) < limit; {
		r.Rows, next, more = q.Before(r.Rows, source, next, min(limit, len(r.Rows)+7))
	}
	return r
}

// TestQuarantineDropsWhatIsAsked drops rows between those that are handed on: these are left out, and none comes twice.
func TestQuarantineDropsWhatIsAsked(t *testing.T) {
	q := New(1 << 20)
	q.rowsMax = 10
	add := func(n int) {
		for range n {
			q.AddRow(Row{LineNumber: int(q.Next()), InsertedAt: time.UnixMilli(0).UTC()})
		}
	}
	add(20)
	rows, next, more := q.Before(nil, "", math.MaxUint64, 3)
	require.True(t, more)
	add(5) // the rows 15 to 24 are left
	rows, next, more = q.Before(rows, "", next, 100)
	require.False(t, more)
	require.EqualValues(t, 15, next)
	var numbers []int
	for i := range rows {
		numbers = append(numbers, rows[i].LineNumber)
	}
	require.Equal(t, []int{19, 18, 17, 16, 15}, numbers)
}
