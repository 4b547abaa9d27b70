package lease_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/lease"
)

// thing counts how often it was closed.
type thing struct{ closed atomic.Int32 }

func (t *thing) Close() error {
	t.closed.Add(1)
	return nil
}

// TestLeases keeps things in time that does not pass by itself.
func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var expired []string
		l := lease.Leases[*thing]{Max: 2, For: time.Minute, Expired: func(id string) { expired = append(expired, id) }}
		begin := func() (string, *thing) {
			id, x, err := l.Begin(func() (*thing, error) { return new(thing), nil })
			require.NoError(t, err)
			return id, x
		}
		first, a := begin()
		second, b := begin()
		_, _, err := l.Begin(func() (*thing, error) { panic("there is no room") })
		require.ErrorIs(t, err, lease.ErrFull)

		time.Sleep(50 * time.Second)
		_, done, ok := l.Use(first)
		require.True(t, ok)
		time.Sleep(50 * time.Second) // in use for longer than the other is kept
		synctest.Wait()
		require.Equal(t, []string{second}, expired)
		require.EqualValues(t, 1, b.closed.Load())
		require.Zero(t, a.closed.Load())
		done()
		done()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.Zero(t, a.closed.Load())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, a.closed.Load())
		_, _, ok = l.Use(first)
		require.False(t, ok)

		failed := errors.New("it cannot be made")
		_, _, err = l.Begin(func() (*thing, error) { return nil, failed })
		require.ErrorIs(t, err, failed)
		third, c := begin()
		fourth, _ := begin() // both places are free
		_, err = l.End(fourth)
		require.NoError(t, err)
		_, done, ok = l.Use(third)
		require.True(t, ok)
		ok, err = l.End(third)
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 1, c.closed.Load())
		done() // of what was ended meanwhile
		ok, err = l.End(third)
		require.NoError(t, err)
		require.False(t, ok)

		_, d := begin()
		l.EndAll()
		require.EqualValues(t, 1, d.closed.Load())
		_, _, err = l.Begin(func() (*thing, error) { return new(thing), nil })
		require.ErrorIs(t, err, lease.ErrFull)
		require.Len(t, expired, 2)
	})
}
