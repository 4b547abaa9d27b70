package idempotency

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExpiries holds the heap to a sorted list.
func TestExpiries(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	r := rand.New(rand.NewPCG(s, 0))
	var heap expiries[string]
	var want []expiry[string]
	for i := range 5000 {
		if r.IntN(3) > 0 || len(want) == 0 {
			x := expiry[string]{at: int64(r.IntN(1 << (1 + r.IntN(40)))), key: strconv.Itoa(i)}
			heap.add(x.at, x.key)
			want = append(want, x)
		} else {
			first := slices.MinFunc(want, func(a, b expiry[string]) int { return cmp.Compare(a.at, b.at) })
			require.Equal(t, first.at, heap.first().at)
			got := heap.take()
			require.Equal(t, first.at, got.at)
			n := len(want)
			want = slices.DeleteFunc(want, func(x expiry[string]) bool { return x == got })
			require.Len(t, want, n-1)
		}
		require.Equal(t, len(want), heap.len())
	}
}

// TestKeysExpireByTheirOwnTimes holds that a key taken while the clock was ahead keeps none behind it.
func TestKeysExpireByTheirOwnTimes(t *testing.T) {
	const day = 24 * time.Hour
	epoch := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	w := NewWindow(KeysMax)
	at := func(d time.Duration) int64 { return epoch.Add(d).UnixMilli() }
	w.Add(Entry{Key: Key{0}, At: at(365 * day)}, at(0))
	for i := range 100 {
		w.Add(Entry{Key: Key{1, byte(i)}, At: at(time.Duration(i) * time.Hour)}, at(time.Duration(i)*time.Hour))
	}
	require.Equal(t, 101, w.Len())
	w.Add(Entry{Key: Key{2}, At: at(KeysAge + 50*time.Hour)}, at(KeysAge+50*time.Hour))
	require.Equal(t, 52, w.Len())
	w.Add(Entry{Key: Key{3}, At: at(30 * day)}, at(30*day))
	require.Equal(t, 2, w.Len())
	require.Contains(t, w.entries, Key{0})
}
