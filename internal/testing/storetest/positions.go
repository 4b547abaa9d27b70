package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

func positionTests() []test {
	return []test{
		{"positions: with their rows", positionsWithRows},
		{"positions: under a key", positionsUnderAKey},
	}
}

func positionsWithRows(w *world) {
	send := func(o engine.Origin, rows ...string) {
		w.Helper()
		_, err := w.store.AppendFrom(w.Context(), w.texts(rows...), o)
		require.NoError(w, err)
	}
	require.Empty(w, w.store.Positions("topic"))
	send(engine.Origin{Source: "topic", Positions: []engine.Position{{Part: "0", Value: "10"}, {Part: "1", Value: "5"}}}, "m/v1/production a 08:00 10 9")
	send(engine.Origin{Source: "topic", Positions: []engine.Position{{Part: "0", Value: "11"}, {Source: "other", Part: "0", Value: "ü"}}})
	require.Equal(w, map[string]string{"0": "11", "1": "5"}, w.store.Positions("topic"))
	require.Equal(w, map[string]string{"0": "ü"}, w.store.Positions("other"))
	w.again()
	require.Equal(w, map[string]string{"0": "11", "1": "5"}, w.store.Positions("topic"))
	send(engine.Origin{Source: "topic", Positions: []engine.Position{{Part: "1", Value: ""}}}, "m/v1/production b 08:00 10 9")
	require.Equal(w, map[string]string{"0": "11"}, w.store.Positions("topic"))
	_, err := w.store.AppendActualsFrom(w.Context(), w.actualsOf("m a 5"), engine.Origin{Source: "truth", Positions: []engine.Position{{Part: "p", Value: "1"}}})
	require.NoError(w, err)
	require.Equal(w, map[string]string{"p": "1"}, w.store.Positions("truth"))
	require.Equal(w, []string{"m/v1/production n=2 3"}, w.errors("m"))
	w.deleteRows(engine.Deletion{})
	require.Equal(w, map[string]string{"0": "11"}, w.store.Positions("topic"), "deletions leave them")
}

func positionsUnderAKey(w *world) {
	for i, value := range []string{"1", "2"} {
		done, err := w.store.AppendOnceFrom(w.Context(), w.texts("m/v1/production a 08:00 10 9"), key("k", 1), engine.Origin{Source: "topic", Positions: []engine.Position{{Part: "0", Value: value}}})
		require.NoError(w, err)
		require.Equal(w, i > 0, done.Duplicate)
		require.Equal(w, map[string]string{"0": "1"}, w.store.Positions("topic"))
	}
	_, err := w.store.AppendActualsOnceFrom(w.Context(), w.actualsOf("m a 8"), key("l", 1), engine.Origin{Source: "truth", Positions: []engine.Position{{Part: "0", Value: "7"}}})
	require.NoError(w, err)
	require.Equal(w, map[string]string{"0": "7"}, w.store.Positions("truth"))
}
