package segment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
)

func TestAggregateRoundTrip(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(200) {
		want := aggregateOf(randomRows(r, r.IntN(30)))
		b := want.appendTo(nil)
		got, rest, err := readAggregate(append(b, 7))
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, []byte{7}, rest)
		for n := range b {
			_, _, err := readAggregate(b[:n])
			require.ErrorIs(t, err, ErrCorrupt)
		}
	}
}

// readAggregate reads one aggregate from the front of b and returns the bytes behind it.
func readAggregate(b []byte) (a Aggregate, rest []byte, err error) {
	c := columns.NewCursor(b, ErrCorrupt)
	a = decodeAggregate(&c)
	return a, c.Rest, c.Err
}

func FuzzDecodeAggregate(f *testing.F) {
	r := random.Rand(f)
	for range 8 {
		a := aggregateOf(randomRows(r, r.IntN(10)))
		f.Add(a.appendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, rest, err := readAggregate(b)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			require.Equal(t, Aggregate{}, a)
			return
		}
		require.Equal(t, b[:len(b)-len(rest)], a.appendTo(nil))
		a.MAE()
		a.RMSE()
		a.Bias()
		a.MAPE()
		a.WMAPE()
		a.SMAPE()
		a.R2()
		c := a
		a.Merge(&c)
	})
}
