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

// TestQuarantineHoldsTheNewest holds the quarantine to all that it got: within the bounds are the newest rows of each source, in their order,
// and what lists get of them. Now and then the rows of a source are removed.
func TestQuarantineHoldsTheNewest(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	sources := []string{sourcePredictions, sourceActuals, "other"}
	for run := range 30 {
		r := rand.New(rand.NewPCG(s, uint64(run)))
		q := New(1 << (8 + r.IntN(10)))
		q.rowsMax = 1 + r.IntN(200)
		all, added, emptied := map[string][]Row{}, 0, 0
		for i := range 1000 {
			row := Row{
				Source: sources[min(r.IntN(6), 2)], Column: "features", Reason: "bad", Code: event.CodeFeatures,
				ImportID: fmt.Sprintf("%016x", i), LineNumber: i, Line: bytes.Repeat([]byte{'x'}, 1+r.IntN(1<<r.IntN(12))),
				InsertedAt: time.UnixMilli(int64(i)).UTC(),
			}
			all[row.Source] = append(all[row.Source], row)
			added++
			revision := q.Revision()
			q.AddRow(row)
			require.NotEqual(t, revision, q.Revision())
			require.LessOrEqual(t, q.rows, q.rowsMax)
			require.LessOrEqual(t, q.bytes, q.bytesMax)
			if r.IntN(300) == 0 {
				count := q.Count(row.Source)
				require.Equal(t, count, q.Empty(row.Source))
				require.Zero(t, q.Count(row.Source))
				emptied += count
				all[row.Source] = nil
			}
		}
		held := q.list("", added)
		require.Len(t, held.Rows, q.Kept())
		require.EqualValues(t, added-emptied-len(held.Rows), held.Dropped)
		slices.Reverse(held.Rows)
		require.True(t, slices.IsSortedFunc(held.Rows, func(a, b Row) int { return a.LineNumber - b.LineNumber }))
		for _, source := range sources {
			of := slices.DeleteFunc(slices.Clone(held.Rows), func(x Row) bool { return x.Source != source })
			require.Len(t, of, q.Count(source))
			newest := all[source][len(all[source])-len(of):]
			require.Equal(t, append([]Row{}, newest...), append([]Row{}, of...))
			slices.Reverse(of)
			require.Equal(t, append([]Row{}, of[:min(3, len(of))]...), append([]Row{}, q.list(source, 3).Rows...))
		}
		require.Equal(t, append([]Row{}, held.Rows...), append([]Row{}, q.entries(t, r)...))
	}
}

// entries reads all rows as lists get them, some at a time.
func (q *Quarantine) entries(t *testing.T, r *rand.Rand) (listed []Row) {
	t.Helper()
	for from, to := uint64(0), q.Next(); from < to; {
		entries, rows, rest := q.Entries(from, to, 1+r.IntN(5000))
		for c := columns.NewCursor(entries, base.ErrCorrupt); len(c.Rest) > 0; rows-- {
			listed = append(listed, readEntry(&c, listVersion))
			require.NoError(t, c.Err)
		}
		require.Zero(t, rows)
		from = rest
	}
	return listed
}

// TestQuarantineIsShared has one source flood the quarantine, by number and by bytes: the others keep what is less than a share.
func TestQuarantineIsShared(t *testing.T) {
	for _, flooded := range []Row{{Source: "flood", Line: []byte("x")}, {Source: "flood", Line: bytes.Repeat([]byte("x"), 10_000)}} {
		q := New(1 << 20)
		q.rowsMax = 1000
		for range 300 {
			q.AddRow(Row{Source: "quiet", Line: []byte("a line")})
		}
		for range 5000 {
			q.AddRow(flooded)
		}
		require.Equal(t, 300, q.Count("quiet"))
		require.Greater(t, q.Count("flood"), 50)
		require.LessOrEqual(t, q.bytes, q.bytesMax)
		for range 5000 {
			q.AddRow(Row{Source: "another", Line: flooded.Line})
		}
		require.Equal(t, 300, q.Count("quiet"))
		require.InDelta(t, q.Count("flood"), q.Count("another"), float64(q.Kept())/10)
	}
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
	require.Equal(t, RowsMax, q.Kept())
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
