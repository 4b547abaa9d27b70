package storetest

import (
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

func onceTests() []test {
	return []test{
		{"once: the same key again", sameKeyAgain},
		{"once: the same key with another body", sameKeyOtherBody},
		{"once: many at one time", sameKeyAtOneTime},
		{"once: not after a deletion", keyAfterDeletion},
		{"once: actuals", actualsOnce},
	}
}

func key(id string, body byte) engine.Key { return engine.Key{ID: id, Hash: [16]byte{body}} }

func sameKeyAgain(w *world) {
	send := func(id string, rows ...string) engine.Appended {
		w.Helper()
		batch := w.texts(rows...)
		batch.Rejects, batch.Rejected = w.decode("bad").Rejects, w.decode("bad").Rejected
		done, err := w.store.AppendOnce(w.Context(), batch, key(id, 1))
		require.NoError(w, err)
		require.Equal(w, []int{len(rows), 1}, []int{done.Successful, done.Quarantined})
		return done
	}
	require.False(w, send("k", "m/v1/production a 08:00 10 9", "m/v1/production b 08:01 10 9").Duplicate)
	w.send("m/v1/production a 08:00 10 5")
	require.True(w, send("k", "m/v1/production a 08:00 10 9", "m/v1/production b 08:01 10 9").Duplicate)
	require.Equal(w, []string{"m/v1/production n=2 3"}, w.errors("m"), "what came since stays")
	require.Len(w, w.quarantineLines(engine.QuarantineQuery{}), 1)
	w.again()
	require.True(w, send("k", "m/v1/production a 08:00 10 9", "m/v1/production b 08:01 10 9").Duplicate)
	require.Equal(w, []string{"m/v1/production n=2 3"}, w.errors("m"))
	require.False(w, send("K", "m/v1/production a 08:00 10 9", "m/v1/production b 08:01 10 9").Duplicate)
	require.Equal(w, []string{"m/v1/production n=2 1"}, w.errors("m"))
}

func sameKeyOtherBody(w *world) {
	_, err := w.store.AppendOnce(w.Context(), w.texts("m/v1/production a 08:00 10 9"), key("k", 1))
	require.NoError(w, err)
	_, err = w.store.AppendOnce(w.Context(), w.texts("m/v1/production a 08:00 10 5"), key("k", 2))
	require.ErrorIs(w, err, engine.ErrConflict)
	require.Equal(w, []string{"m/v1/production n=1 1"}, w.errors("m"))
	w.again()
	_, err = w.store.AppendOnce(w.Context(), w.texts("m/v1/production a 08:00 10 5"), key("k", 2))
	require.ErrorIs(w, err, engine.ErrConflict)
}

// sameKeyAtOneTime has several clients send the same request, which others replace meanwhile: one of them is stored.
func sameKeyAtOneTime(w *world) {
	const clients, keys = 4, 8
	for k := range keys {
		var clientsEnd sync.WaitGroup
		stored := make([]engine.Appended, clients)
		failed := make([]error, clients)
		batch := w.texts(fmt.Sprintf("m/v1/production %d 08:00 10 9", k), fmt.Sprintf("n/v1/production %d 08:00 10 9", k))
		for i := range clients {
			clientsEnd.Go(func() {
				stored[i], failed[i] = w.store.AppendOnce(w.Context(), batch, key(fmt.Sprint("k", k), 1))
			})
		}
		clientsEnd.Wait()
		first := 0
		for i := range clients {
			require.NoError(w, failed[i])
			require.Equal(w, 2, stored[i].Successful)
			if !stored[i].Duplicate {
				first++
			}
		}
		require.Equal(w, 1, first)
	}
	require.Equal(w, []string{"m/v1/production n=8 1", "n/v1/production n=8 1"}, w.errors("*"))
}

func keyAfterDeletion(w *world) {
	batch := w.texts("m/v1/production a 08:00 10 9")
	_, err := w.store.AppendOnce(w.Context(), batch, key("k", 1))
	require.NoError(w, err)
	w.deleteRows(engine.Deletion{Models: []string{"m"}})
	done, err := w.store.AppendOnce(w.Context(), batch, key("k", 1))
	require.NoError(w, err)
	require.True(w, done.Duplicate)
	require.Empty(w, w.errors("m"), "a request that is sent again does not bring its rows back")
}

func actualsOnce(w *world) {
	w.send("m/v1/production a 08:00 10 ?")
	for i := range 3 {
		done, err := w.store.AppendActualsOnce(w.Context(), w.actualsOf("m a 8"), key("k", 1))
		require.NoError(w, err)
		require.Equal(w, i > 0, done.Duplicate)
		require.Equal(w, 1, done.Successful)
		want := "m/v1/production n=1 2"
		if i > 0 {
			want = "m/v1/production n=1 4"
		}
		require.Equal(w, []string{want}, w.errors("m"))
		w.actuals("m a 6")
	}
	_, err := w.store.AppendActualsOnce(w.Context(), w.actualsOf("m a 1"), key("k", 2))
	require.ErrorIs(w, err, engine.ErrConflict)
}
