package bench_test

import (
	"flag"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

var rowsFlag = flag.String("bench.rows", "100000,1000000", "sizes of the stores that are queried, in rows")

// now is the end of the workload and the clock of the stores.
var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The series that is asked about.
const (
	model       = "model_7"
	environment = "production"
)

const batchRows = 16_384

// store is a loaded database, and the rows of the series asked about as the obvious loop wants them.
type store struct {
	*engine.DB
	asked []residual
}

type residual struct {
	at  time.Time
	off float64
}

// sizes reads the flag.
func sizes(b *testing.B) []int64 {
	b.Helper()
	var all []int64
	for text := range strings.SplitSeq(*rowsFlag, ",") {
		rows, err := strconv.ParseInt(text, 10, 64)
		require.NoError(b, err, "-bench.rows is a list of numbers")
		all = append(all, rows)
	}
	return all
}

// options describes the workload of so many rows. One version, so that all windows have rows.
func options(rows int64) workload.Options {
	return workload.Options{
		Seed: 1, Rows: rows, Versions: 1, From: now.AddDate(0, 0, -90), To: now, LateShare: 0.02, DriftModel: 7,
	}
}

func open(b *testing.B) *engine.DB {
	b.Helper()
	db, err := engine.Open(b.TempDir(), engine.Options{Now: func() time.Time { return now }})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	return db
}

func load(b *testing.B, rows int64) *store {
	b.Helper()
	s := &store{DB: open(b)}
	g := workload.New(options(rows))
	for batch := nextBatch(b, g); batch.Len() > 0; batch = nextBatch(b, g) {
		for i := range batch.Len() {
			if e := batch.Series[batch.SeriesOf[i]]; e.Model == model && e.Environment == environment {
				s.asked = append(s.asked, residual{time.UnixMilli(batch.Timestamps[i]), batch.Predicted[i] - batch.Actual[i]})
			}
		}
		_, err := s.Append(b.Context(), batch)
		require.NoError(b, err)
	}
	return s
}

// nextBatch decodes the next lines of a workload; an empty batch is the end.
func nextBatch(b *testing.B, g *workload.Generator) *event.Batch {
	b.Helper()
	var lines []byte
	ok := true
	for i := 0; i < batchRows && ok; i++ {
		lines, ok = g.AppendNDJSON(lines)
	}
	batch := new(event.Batch)
	require.NoError(b, event.NewDecoder().Decode(batch, lines, event.NDJSON, event.Rules{}))
	require.Empty(b, batch.Rejects)
	return batch
}

// window is the obvious loop: count, mean absolute and root mean square residual of [from, to).
func (s *store) window(from, to time.Time) (count uint64, mae, rmse float64) {
	for _, r := range s.asked {
		if !r.at.Before(from) && r.at.Before(to) {
			count++
			mae += math.Abs(r.off)
			rmse += r.off * r.off
		}
	}
	return count, mae / float64(count), math.Sqrt(rmse / float64(count))
}

// latencies collects the time of each call, up to a bound.
type latencies struct {
	nanos []int64
	begin time.Time
}

const latenciesMax = 1 << 20

func (l *latencies) start() { l.begin = time.Now() }

func (l *latencies) stop() {
	if len(l.nanos) < latenciesMax {
		l.nanos = append(l.nanos, int64(time.Since(l.begin)))
	}
}

func (l *latencies) report(b *testing.B) {
	b.Helper()
	slices.Sort(l.nanos)
	b.ReportMetric(float64(l.nanos[len(l.nanos)/2]), "p50-ns")
	b.ReportMetric(float64(l.nanos[len(l.nanos)*99/100]), "p99-ns")
}
