package segment

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

func TestMonthOfNoRows(t *testing.T) {
	s := open(t, build(t, nil))
	require.Zero(t, s.NumSeries())
}

func TestMonthOfOneRow(t *testing.T) {
	for _, ts := range []int64{monthFrom, monthTo - 1} {
		var c Columns
		c.AppendRow(ts, math.MaxFloat64, -math.MaxFloat64, true, []byte("one"), []byte("{}"))
		series := []testSeries{{"v", "e", &c}}
		b := build(t, series)
		requireSeries(t, series, open(t, b))
		require.Less(t, len(b), 300)
	}
}

func TestAllTime(t *testing.T) {
	var c Columns
	for _, ts := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64 - 1} {
		c.AppendRow(ts, 1, 2, true, nil, nil)
	}
	b := NewBuilder(Meta{From: math.MinInt64, To: math.MaxInt64})
	require.NoError(t, b.StartSeries("", ""))
	require.NoError(t, b.Append(&c))
	s := open(t, b.Finish(nil))
	require.True(t, c.Equal(readAll(t, s, 0)))
	var a Aggregate
	_, err := s.AddWindow(&a, new(Sketches), Window{0, math.MinInt64, math.MaxInt64, WantErrors}, new(Scratch))
	require.NoError(t, err)
	require.Equal(t, uint64(5), a.Rows)
}

func TestAllRowsInOneMillisecond(t *testing.T) {
	var c Columns
	for i := range 5000 {
		c.AppendRow(monthFrom+7, float64(i), 1, true, fmt.Appendf(nil, "id%05d", i), nil)
	}
	series := []testSeries{{"v", "e", &c}}
	s := open(t, build(t, series))
	requireSeries(t, series, s)
	for from := int64(monthFrom + 6); from < monthFrom+9; from++ {
		for to := int64(monthFrom + 6); to < monthFrom+9; to++ {
			var a Aggregate
			read, err := s.AddWindow(&a, new(Sketches), Window{0, from, to, WantAll}, new(Scratch))
			require.NoError(t, err)
			require.Zero(t, read)
			require.Equal(t, windowRef(&c, from, to, WantAll), a)
		}
	}
}

func TestTenThousandVersions(t *testing.T) {
	var series []testSeries
	for i := range 10000 {
		var c Columns
		c.AppendRow(monthFrom+int64(i), 1, 2, true, []byte("x"), []byte(`{"a":1}`))
		series = append(series, testSeries{fmt.Sprintf("v%05d", i), "production", &c})
	}
	b := build(t, series)
	s := open(t, b)
	require.Equal(t, len(series), s.NumSeries())
	require.Equal(t, "v07777", s.Series(7777).Version)
	require.Less(t, len(b)/len(series), 200)
}

func TestLongTexts(t *testing.T) {
	r := random.Rand(t)
	var c Columns
	for i := range 300 {
		id := strings.Repeat("é", 126) + fmt.Sprintf("%04d", i)
		features := make([]byte, 64<<10)
		for j := range features {
			features[j] = byte(r.Uint32())
		}
		c.AppendRow(monthFrom+int64(i), 1, 2, true, []byte(id), features[:r.IntN(len(features))])
	}
	c.AppendRow(monthTo-1, 1, 2, true, nil, bytes.Repeat([]byte{'x'}, RowBytesMax))
	series := []testSeries{{"v", "e", &c}}
	s := open(t, build(t, series))
	requireSeries(t, series, s)
	require.Greater(t, s.Series(0).Blocks, 5)
}

func TestReadingDoesNotAllocate(t *testing.T) {
	var c Columns
	steadyRows(random.Rand(t), &c, 50000)
	b := build(t, []testSeries{{"v", "e", sorted(&c)}})
	s := open(t, b)
	var sc Scratch
	var a Aggregate
	var sketches Sketches
	from, to := c.Times[1500], c.Times[40000]
	most := [...]uint64{WantErrors: 4 * stripRows, WantSpread: 4 * stripRows, WantAll: 2 * blockRows}
	for want := WantErrors; want <= WantAll; want++ {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			a.Reset()
			sketches.Reset()
			sc.Forget()
			if read, err := s.AddWindow(&a, &sketches, Window{0, from, to, want}, &sc); err != nil || read.Rows == 0 || read.Rows > most[want] {
				t.Fatal(read, err)
			}
			if read, err := s.AddWindow(&a, &sketches, Window{0, from, to, want}, &sc); err != nil || read.Rows != 0 {
				t.Fatal(read, err) // the blocks at the edges are held
			}
		}))
	}
}
