package bench_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// actualsBatchRows is the size of a request of actuals.
const actualsBatchRows = 4096

// waitingRows are predictions that wait for their actuals.
type waitingRows struct {
	*engine.DB
	models    []string
	modelOf   []uint8
	ids       event.Text
	predicted []float64
	random    *rand.Rand
}

// loadWaiting sends predictions without actuals and seals them.
func loadWaiting(b *testing.B, rows int64) *waitingRows {
	b.Helper()
	w := &waitingRows{DB: open(b), random: rand.New(rand.NewPCG(1, 2))}
	opts := options(rows)
	opts.WaitingShare = 1
	numbers := make(map[string]uint8)
	appendWorkload(b, w.DB, opts, func(batch *event.Batch, i int) {
		name := batch.Series[batch.SeriesOf[i]].Model
		number, ok := numbers[name]
		if !ok {
			number = uint8(len(w.models))
			numbers[name] = number
			w.models = append(w.models, name)
		}
		w.modelOf = append(w.modelOf, number)
		w.ids.Append(batch.IDs.At(i))
		w.predicted = append(w.predicted, batch.Predicted[i])
	})
	require.NoError(b, w.Checkpoint(b.Context()))
	return w
}

// batch is a request with the actuals of the predictions in order.
func (w *waitingRows) batch(a *event.Actuals, order []int) *event.Actuals {
	a.Reset()
	a.Models = append(a.Models, w.models...)
	a.Scopes = append(a.Scopes, event.Scope{})
	for row, i := range order {
		a.ModelOf = append(a.ModelOf, uint32(w.modelOf[i]))
		a.IDs.Append(w.ids.At(i))
		a.Values = append(a.Values, w.predicted[i]+w.random.NormFloat64())
		a.ScopeOf = append(a.ScopeOf, 0)
		a.Known.Append(row, true)
		a.Observed = append(a.Observed, 0)
	}
	return a
}

// send appends the actuals of all predictions in order and returns the rate, without the time it takes to make the requests.
func (w *waitingRows) send(b *testing.B, order []int, batchRows int) (perSecond float64, visible latencies) {
	b.Helper()
	var a event.Actuals
	var spent time.Duration
	sent := len(order)
	for len(order) > 0 {
		n := min(len(order), batchRows)
		w.batch(&a, order[:n])
		begin := time.Now()
		_, err := w.AppendActuals(b.Context(), &a)
		spent += time.Since(begin)
		require.NoError(b, err)
		visible.start()
		answer, err := w.Metrics(b.Context(), engine.MetricsQuery{Model: w.models[w.modelOf[order[n-1]]], Environment: engine.All, Window: 100 * 24 * time.Hour})
		visible.stop()
		require.NoError(b, err)
		require.NotEmpty(b, answer.Rows)
		order = order[n:]
	}
	return float64(sent) / spent.Seconds(), visible
}

// BenchmarkActuals sends the actuals of predictions that wait in sealed months, in random order, each batch synced before
// the next, and corrects some of them. visible is the time from an acknowledgement to the end of a query, which must have them.
func BenchmarkActuals(b *testing.B) {
	for _, rows := range sizes(b) {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			w := loadWaiting(b, rows)
			require.EqualValues(b, rows, w.Stats().Waiting)
			for b.Loop() {
				rate, visible := w.send(b, w.random.Perm(int(rows)), actualsBatchRows)
				b.ReportMetric(rate, "actuals/s")
				visible.report(b)
			}
			require.Zero(b, w.Stats().Orphaned)
			answer, err := w.Metrics(b.Context(), engine.MetricsQuery{Model: engine.All, Version: engine.All, Environment: engine.All, From: time.Unix(0, 0)})
			require.NoError(b, err)
			counted := uint64(0)
			for _, r := range answer.Rows {
				counted += r.PredictionCount
			}
			require.EqualValues(b, rows, counted)
		})
	}
}

// BenchmarkCorrections corrects sealed rows at random, in small requests and in large ones, by one client and by many.
// Behind each request its client asks for what it corrected; with many clients that counts as time of the corrections,
// too.
func BenchmarkCorrections(b *testing.B) {
	for _, rows := range sizes(b) {
		w := loadWaiting(b, rows)
		w.send(b, w.random.Perm(int(rows)), actualsBatchRows)
		require.NoError(b, w.Checkpoint(b.Context()))
		for _, c := range []struct{ clients, batchRows int }{{1, 1}, {1, 64}, {1, 1024}, {16, 1}, {16, 64}} {
			b.Run(fmt.Sprintf("rows=%d/clients=%d/batch=%d", rows, c.clients, c.batchRows), func(b *testing.B) {
				var visible latencies
				sent, spent := 0, 0.0
				for b.Loop() {
					n, seconds, seen := w.correct(b, c.clients, c.batchRows)
					sent, spent = sent+n, spent+seconds
					visible.nanos = append(visible.nanos, seen...)
				}
				b.ReportMetric(float64(sent)/spent, "corrections/s")
				visible.report(b)
			})
		}
		require.NoError(b, w.Close())
	}
}

// correct lets clients correct rows at random, and returns how many they corrected in which time.
func (w *waitingRows) correct(b *testing.B, clients, batchRows int) (sent int, seconds float64, visible []int64) {
	b.Helper()
	all := make([]latencies, clients)
	rates := make([]float64, clients)
	rows := min(4*batchRows+200, w.ids.Len())
	begin := time.Now()
	var sending sync.WaitGroup
	for c := range clients {
		client := *w
		client.random = rand.New(rand.NewPCG(w.random.Uint64(), 0))
		sending.Go(func() {
			order := make([]int, rows)
			for i := range order {
				order[i] = client.random.IntN(client.ids.Len())
			}
			rates[c], all[c] = client.send(b, order, batchRows)
		})
	}
	sending.Wait()
	for i := range all {
		visible = append(visible, all[i].nanos...)
	}
	if clients == 1 {
		return rows, float64(rows) / rates[0], visible
	}
	return clients * rows, time.Since(begin).Seconds(), visible
}
