package bench_test

import (
	"fmt"
	"math/rand/v2"
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
	for _, i := range order {
		a.ModelOf = append(a.ModelOf, uint32(w.modelOf[i]))
		a.IDs.Append(w.ids.At(i))
		a.Values = append(a.Values, w.predicted[i]+w.random.NormFloat64())
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

// BenchmarkCorrections corrects sealed rows at random, in small requests and in large ones.
func BenchmarkCorrections(b *testing.B) {
	for _, rows := range sizes(b) {
		w := loadWaiting(b, rows)
		w.send(b, w.random.Perm(int(rows)), actualsBatchRows)
		require.NoError(b, w.Checkpoint(b.Context()))
		for _, batchRows := range []int{1, 64, 1024} {
			b.Run(fmt.Sprintf("rows=%d/batch=%d", rows, batchRows), func(b *testing.B) {
				var visible latencies
				sent, spent := 0, 0.0
				for b.Loop() {
					order := make([]int, min(4*batchRows+200, int(rows)))
					for i := range order {
						order[i] = w.random.IntN(int(rows))
					}
					rate, seen := w.send(b, order, batchRows)
					sent, spent = sent+len(order), spent+float64(len(order))/rate
					visible.nanos = append(visible.nanos, seen.nanos...)
				}
				b.ReportMetric(float64(sent)/spent, "corrections/s")
				visible.report(b)
			})
		}
		require.NoError(b, w.Close())
	}
}
