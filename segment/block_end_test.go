package segment

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// hoursOf returns the times of rows that lie in so many hours, with so many rows each.
func hoursOf(rows ...int) []int64 {
	var times []int64
	for hour, n := range rows {
		for i := range n {
			times = append(times, monthFrom+int64(hour)*hourMilli+int64(i)*hourMilli/int64(n))
		}
	}
	return times
}

func TestBlockEnd(t *testing.T) {
	f := func(want int, rows ...int) {
		t.Helper()
		require.Equal(t, want, blockEnd(hoursOf(rows...), 0), rows)
	}
	f(1, 1)
	f(blockRows, blockRows)
	f(blockRows/2+1, blockRows+1)
	f(hourRows, hourRows, 5000)
	f(hourRows-1, hourRows-1, hourRows, 5000)
	f(blockRows, blockRows, 5000)
	f(blockRows/2+1, blockRows+1, 5000)
	f(blockRows, lookaheadRows, 1)
	f(restRows, restRows, hourRows, 5000)
	f(restRows-1+hourRows, restRows-1, hourRows, 5000)
	f(100*2, 100, 100, hourRows, 5000)
	f(500, 100, 100, 100, 100, 100)
	f(550, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100)
	f(blockRows, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200)
	f(60, 60, 5000)
	require.Equal(t, 60, blockEnd(hoursOf(60, 100, 5000), hourRows-60), "the end of an hour that has blocks")
	require.Equal(t, 160, blockEnd(hoursOf(60, 100, 5000), hourRows-61))
	require.Equal(t, 2, blockEnd([]int64{-1 << 63, 1<<63 - 1}, 0))
}

// TestDenseHoursAreWholeBlocks asks for hours of a series of varying density, as built and after a merge of what several
// segments have of it. Nothing must be decoded.
func TestDenseHoursAreWholeBlocks(t *testing.T) {
	r := random.Rand(t)
	for _, parts := range []int{1, 3} {
		t.Run(fmt.Sprintf("parts=%d", parts), func(t *testing.T) {
			rows := make([]int, 40)
			for i := range rows {
				rows[i] = hourRows + r.IntN(6*blockRows)
			}
			// The parts follow each other, but for some rows that come late.
			columns := make([]Columns, parts)
			times := hoursOf(rows...)
			for i, ts := range times {
				part := i * parts / len(times)
				if r.IntN(50) == 0 {
					part = min(part+1, parts-1)
				}
				columns[part].AppendRow(ts, float64(i), float64(i+r.IntN(9)), true, fmt.Appendf(nil, "%d", i), nil)
			}
			segs := make([]*Segment, parts)
			for i := range columns {
				segs[i] = open(t, build(t, []testSeries{{"v", "e", &columns[i]}}))
			}
			b := NewBuilder(testMeta)
			require.NoError(t, Merge(b, segs, new(Scratch)))
			s := open(t, b.Finish(nil))
			require.Less(t, s.Series(0).Blocks, 2*len(times)/hourRows)
			for hour, n := range rows {
				var a Aggregate
				from := monthFrom + int64(hour)*hourMilli
				read, err := s.AddWindow(&a, new(Sketches), Window{0, from, from + hourMilli, WantAll}, new(Scratch))
				require.NoError(t, err)
				require.Equal(t, uint64(n), a.Rows)
				require.Zero(t, read.Rows, "hour %d of %d rows", hour, n)
			}
		})
	}
}
