package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAggregateRoundTrip(t *testing.T) {
	r := newRand(t)
	for range rounds(200) {
		want := aggregateOf(randomRows(r, r.IntN(30)))
		b := want.AppendTo(nil)
		got, rest, err := DecodeAggregate(append(b, 7))
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, []byte{7}, rest)
		for n := range b {
			_, _, err := DecodeAggregate(b[:n])
			require.ErrorIs(t, err, ErrCorrupt)
		}
	}
}

func FuzzDecodeAggregate(f *testing.F) {
	r := newRand(f)
	for range 8 {
		a := aggregateOf(randomRows(r, r.IntN(10)))
		f.Add(a.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, rest, err := DecodeAggregate(b)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			require.Equal(t, Aggregate{}, a)
			return
		}
		require.Equal(t, b[:len(b)-len(rest)], a.AppendTo(nil))
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
