package clickhouse

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// TestLists holds that few lists of many series are made at a time, and any number of others.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{lists: make(chan struct{}, listsAtOnce)}
		var over []func()
		for range listsAtOnce {
			done, err := s.takeList(t.Context(), manySeries+1)
			require.NoError(t, err)
			over = append(over, done)
		}
		done, err := s.takeList(t.Context(), manySeries)
		require.NoError(t, err)
		done()

		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.takeList(soon, manySeries+1)
		require.ErrorIs(t, err, engine.ErrFull)
		_, err = s.takeList(t.Context(), manySeries+1)
		require.ErrorIs(t, err, engine.ErrFull, "who has time is told so too, before a server has none left")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.takeList(gone, manySeries+1)
		require.ErrorIs(t, err, context.Canceled)

		time.AfterFunc(time.Second, over[0])
		time.AfterFunc(time.Second, over[0])
		done, err = s.takeList(t.Context(), manySeries+1)
		require.NoError(t, err)
		done()
		over[1]()
		require.Empty(t, s.lists)
	})
}
