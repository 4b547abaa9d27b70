package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

func visibilityTests() []test {
	return []test{
		{"visibility: an answered request is seen through every door", answeredIsSeen},
		{"visibility: a request is seen whole", requestsAreWhole},
		{"visibility: writers beside each other", writersBesideEachOther},
		{"visibility: the last answered counts through every door", lastAnsweredCounts},
	}
}

// doors are two ways into the same store, or the one that there is.
func (w *world) doors() []Store {
	w.Helper()
	doors := []Store{w.store}
	if w.subject.Doors {
		d := w.open(w.T)
		w.Cleanup(func() { require.NoError(w, d.Close()) })
		doors = append(doors, d)
	}
	return doors
}

func answeredIsSeen(w *world) {
	doors := w.doors()
	for i := range 20 {
		w.store = doors[i%len(doors)]
		w.send(fmt.Sprintf("m%d/v1/production %d 08:00 10 ?", i%3, i))
		w.store = doors[(i+1)%len(doors)]
		require.Len(w, w.rows(engine.RowsQuery{Model: "*"}), i+1)
		w.actuals(fmt.Sprintf("m%d %d 9", i%3, i))
		w.store = doors[i%len(doors)]
		require.Len(w, w.rows(engine.RowsQuery{Model: "*", Actuals: engine.WithActual}), i+1)
	}
	w.store = doors[0]
}

// requestsAreWhole sends requests about many models, which replace each other, while others read: whoever reads sees the same request in each.
func requestsAreWhole(w *world) {
	const models, requests = 12, 25
	doors := w.doors()
	send := func(n int) error {
		var rows []string
		for m := range models {
			rows = append(rows, fmt.Sprintf("m%d/v1/production a 08:00 %d 0", m, n), fmt.Sprintf("m%d/v1/production r%d 08:01 1 0", m, n))
		}
		_, err := w.store.Append(w.Context(), w.texts(rows...))
		return err
	}
	require.NoError(w, send(0))
	var ended atomic.Bool
	var readers sync.WaitGroup
	torn := make(chan string, 8)
	looks := make([]int, len(doors))
	for i, door := range doors {
		readers.Go(func() {
			for !ended.Load() || looks[i] == 0 {
				if text := tornRequest(w.Context(), door, models); text != "" {
					torn <- text
					return
				}
				looks[i]++
			}
		})
	}
	for n := range requests {
		if err := send(n); err != nil {
			torn <- err.Error()
			break
		}
	}
	ended.Store(true)
	readers.Wait()
	w.Logf("%v looks beside %d requests", looks, requests)
	close(torn)
	require.Empty(w, <-torn)
}

// tornRequest reads all rows in one question, and says where two models are of different requests.
func tornRequest(ctx context.Context, door Store, models int) string {
	values, counts := map[string]float64{}, map[string]int{}
	_, err := door.EachRows(ctx, engine.RowsQuery{Model: "m*", Version: "*", Window: 24e9 * 3600}, func(b *engine.RowBatch) bool {
		for i := range b.SeriesOf {
			model := b.Series[b.SeriesOf[i]].Model
			counts[model]++
			if string(b.IDs.At(i)) == "a" {
				values[model] = b.Predicted[i]
			}
		}
		return true
	})
	if err != nil {
		return err.Error()
	}
	for m := range models {
		model := fmt.Sprint("m", m)
		if values[model] != values["m0"] || counts[model] != counts["m0"] {
			return fmt.Sprintf("%s is of request %v and has %d rows, m0 of %v and %d", model, values[model], counts[model], values["m0"], counts["m0"])
		}
	}
	return ""
}

func writersBesideEachOther(w *world) {
	const writers, requests = 6, 10
	doors := w.doors()
	var writing sync.WaitGroup
	failed := make(chan error, writers)
	for n := range writers {
		writing.Go(func() {
			for i := range requests {
				batch := w.texts(fmt.Sprintf("m%d/v1/production %d-%d 08:00 10 9", i%4, n, i), fmt.Sprintf("shared/v1/production %d 08:00 10 9", i))
				if _, err := doors[n%len(doors)].Append(w.Context(), batch); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	writing.Wait()
	close(failed)
	require.NoError(w, <-failed)
	require.Len(w, w.rows(engine.RowsQuery{Model: "m*"}), writers*requests)
	require.Equal(w, []string{"shared/v1/production n=10 1"}, w.errors("shared"))
}

func lastAnsweredCounts(w *world) {
	doors := w.doors()
	for i := range 15 {
		w.store = doors[i%len(doors)]
		w.send(fmt.Sprintf("m/v1/production a 08:00 %d 0", i))
		require.Equal(w, []string{fmt.Sprintf("m/v1/production n=1 %d", i)}, w.errors("m"))
		w.store = doors[(i+1)%len(doors)]
		w.actuals(fmt.Sprintf("m a -%d", i))
		require.Equal(w, []string{fmt.Sprintf("m/v1/production n=1 %d", 2*i)}, w.errors("m"))
	}
	w.store = doors[0]
}
