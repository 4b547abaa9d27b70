package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/event"
)

// TestQuarantineHoldsTheNewest holds the quarantine to a slice that is cut at its beginning: within the bounds are the
// newest rows, in their order, and what lists get of them.
func TestQuarantineHoldsTheNewest(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	for run := range 30 {
		r := rand.New(rand.NewPCG(s, uint64(run)))
		q := newQuarantine(1 << (8 + r.IntN(10)))
		q.rowsMax = 1 + r.IntN(200)
		var all []QuarantineRow
		for i := range 1000 {
			row := QuarantineRow{
				Source: []string{SourcePredictions, SourceActuals}[r.IntN(2)], Column: "features", Reason: "bad", Code: event.CodeFeatures,
				ImportID: fmt.Sprintf("%016x", i), LineNumber: i, Line: bytes.Repeat([]byte{'x'}, 1+r.IntN(1<<r.IntN(12))),
				InsertedAt: time.UnixMilli(int64(i)).UTC(),
			}
			all = append(all, row)
			q.addRow(row)
			require.LessOrEqual(t, q.ring.len(), q.rowsMax)
			require.LessOrEqual(t, q.ring.bytes, q.bytesMax)
		}
		held := q.list("", len(all))
		require.EqualValues(t, len(all)-len(held.Rows), held.Dropped)
		newest := all[len(all)-len(held.Rows):]
		slices.Reverse(held.Rows)
		require.Equal(t, slices.Clip(newest), append([]QuarantineRow{}, held.Rows...))
		actuals := q.list(SourceActuals, 3).Rows
		want := slices.DeleteFunc(slices.Clone(newest), func(x QuarantineRow) bool { return x.Source != SourceActuals })
		slices.Reverse(want)
		require.Equal(t, append([]QuarantineRow{}, want[:min(3, len(want))]...), append([]QuarantineRow{}, actuals...))

		var listed []QuarantineRow
		for from, to := uint64(0), q.next(); from < to; {
			entries, rows, rest := q.encoded(from, to, 1+r.IntN(5000))
			for c := (base.Cursor{Rest: entries}); len(c.Rest) > 0; rows-- {
				listed = append(listed, readReject(&c))
				require.NoError(t, c.Err)
			}
			require.Zero(t, rows)
			from = rest
		}
		require.Equal(t, held.Rows, listed)
	}
}

// TestQuarantineWork holds the work for a reject to be the same however many there are: none copies those before it.
func TestQuarantineWork(t *testing.T) {
	const rejects, each = 300_000, 400
	q := newQuarantine(QuarantineBytesMax)
	x := []event.Reject{{Line: 1, Reason: "not JSON", Code: event.CodeSyntax, Raw: []byte("x")}}
	n := allocated(func() {
		for i := range uint64(rejects) {
			q.add(i, clockEpoch.UnixMilli(), SourcePredictions, x, 1)
		}
	})
	require.Less(t, n, uint64(rejects*each))
	require.Equal(t, QuarantineRowsMax, q.ring.len())
	require.EqualValues(t, rejects-QuarantineRowsMax, q.rowsDropped())
}

// TestRejectListsAreFew writes a list for each of many checkpoints: they are joined to those of what the quarantine holds.
func TestRejectListsAreFew(t *testing.T) {
	db, err := Open(t.TempDir(), Options{NoBackground: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for i := range 3 * rejectListsMax {
		db.quarantine.addRow(QuarantineRow{Line: []byte(strconv.Itoa(i)), InsertedAt: clockEpoch})
		require.NoError(t, db.Checkpoint(t.Context()))
		require.LessOrEqual(t, len(db.checkpointer.Manifest.Rejects), rejectListsMax)
	}
	var listed []string
	require.NoError(t, db.checkpointer.LoadLists(store.ListRejects, db.checkpointer.Manifest.Rejects, func(c *store.List) error {
		return decodeRejects(c, func(row QuarantineRow) { listed = append(listed, string(row.Line)) })
	}))
	for i := range 3 * rejectListsMax {
		require.Equal(t, strconv.Itoa(i), listed[i])
	}
}

// list reads the newest rows of a source, a few at a time.
func (q *quarantine) list(source string, limit int) (result QuarantineResult) {
	result.Dropped = q.rowsDropped()
	for next, more := uint64(math.MaxUint64), true; more && len(result.Rows) < limit; {
		result.Rows, next, more = q.before(result.Rows, source, next, min(limit, len(result.Rows)+7))
	}
	return result
}

// TestQuarantineDropsWhatIsAsked drops rows between those that are handed on: these are left out, and none comes twice.
func TestQuarantineDropsWhatIsAsked(t *testing.T) {
	q := newQuarantine(1 << 20)
	q.rowsMax = 10
	add := func(n int) {
		for range n {
			q.addRow(QuarantineRow{LineNumber: int(q.next()), InsertedAt: time.UnixMilli(0).UTC()})
		}
	}
	add(20)
	rows, next, more := q.before(nil, "", math.MaxUint64, 3)
	require.True(t, more)
	add(5) // the rows 15 to 24 are left
	rows, next, more = q.before(rows, "", next, 100)
	require.False(t, more)
	require.EqualValues(t, 15, next)
	var numbers []int
	for i := range rows {
		numbers = append(numbers, rows[i].LineNumber)
	}
	require.Equal(t, []int{19, 18, 17, 16, 15}, numbers)
}
