package bench_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
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

var (
	rowsFlag = flag.String("bench.rows", "100000,1000000", "sizes of the stores that are queried, in rows")
	dirFlag  = flag.String("bench.dir", "", "where loaded stores are kept from run to run; empty loads them anew every time")
)

// now is the end of the workload and the clock of the stores.
var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// The series that is asked about.
const (
	model       = "model_7"
	environment = "production"
)

const batchRows = 16_384

// store is a loaded database, sealed and merged, and the rows of the series asked about as the obvious loop wants them.
type store struct {
	*engine.DB
	dir   string
	rows  int64
	asked []residual
}

type residual struct {
	ms  int64
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
	return openIn(b, b.TempDir())
}

func openIn(b *testing.B, dir string) *engine.DB {
	b.Helper()
	db, err := engine.Open(dir, engine.Options{Now: clock})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	return db
}

// load returns a store of so many rows as a restart finds it, once its columns are in memory.
func load(b *testing.B, rows int64) *store {
	b.Helper()
	s := fill(b, rows)
	s.DB = openIn(b, s.dir)
	s.awaitResident(b)
	return s
}

// fill returns a store of so many rows that is not open: the one that is kept, or a new one.
func fill(b *testing.B, rows int64) *store {
	b.Helper()
	s := &store{dir: b.TempDir(), rows: rows}
	if *dirFlag != "" {
		s.dir = filepath.Join(*dirFlag, fmt.Sprintf("rows=%d", rows))
		require.NoError(b, os.MkdirAll(*dirFlag, 0o750))
	}
	if s.readAsked(b) {
		return s
	}
	db, err := engine.Open(s.dir, engine.Options{Now: clock})
	require.NoError(b, err)
	appendWorkload(b, db, options(rows), func(batch *event.Batch, i int) {
		if e := batch.Series[batch.SeriesOf[i]]; e.Model == model && e.Environment == environment {
			s.asked = append(s.asked, residual{batch.Timestamps[i], batch.Predicted[i] - batch.Actual[i]})
		}
	})
	require.NoError(b, db.Checkpoint(b.Context()))
	require.NoError(b, db.Merge(b.Context()))
	require.NoError(b, db.Close())
	s.writeAsked(b)
	return s
}

// awaitResident waits until the columns are in memory as far as the limit allows.
func (s *store) awaitResident(b *testing.B) {
	b.Helper()
	for resident, settled := int64(-1), 0; settled < 3; time.Sleep(50 * time.Millisecond) {
		before := resident
		if resident = s.Stats().ResidentBytes; resident == before {
			settled++
		} else {
			settled = 0
		}
	}
}

// appendWorkload appends a workload batch by batch, and shows every row to see unless it is nil.
func appendWorkload(b *testing.B, db *engine.DB, opts workload.Options, see func(batch *event.Batch, i int)) {
	b.Helper()
	g := workload.New(opts)
	for batch := nextBatch(b, g); batch.Len() > 0; batch = nextBatch(b, g) {
		for i := 0; see != nil && i < batch.Len(); i++ {
			see(batch, i)
		}
		_, err := db.Append(b.Context(), batch)
		require.NoError(b, err)
	}
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

// The rows asked about lie beside a store that is kept; their file also tells that the store is complete.
func (s *store) askedName() string { return filepath.Clean(s.dir) + ".asked" }

func (s *store) writeAsked(b *testing.B) {
	b.Helper()
	bytes := make([]byte, 0, 16*len(s.asked))
	for _, r := range s.asked {
		bytes = binary.LittleEndian.AppendUint64(bytes, uint64(r.ms))
		bytes = binary.LittleEndian.AppendUint64(bytes, math.Float64bits(r.off))
	}
	require.NoError(b, os.WriteFile(s.askedName(), bytes, 0o600))
}

func (s *store) readAsked(b *testing.B) bool {
	b.Helper()
	bytes, err := os.ReadFile(s.askedName())
	if os.IsNotExist(err) {
		return false
	}
	require.NoError(b, err)
	for ; len(bytes) >= 16; bytes = bytes[16:] {
		s.asked = append(s.asked, residual{
			int64(binary.LittleEndian.Uint64(bytes)), math.Float64frombits(binary.LittleEndian.Uint64(bytes[8:])),
		})
	}
	return true
}

// window is the obvious loop: count, mean absolute and root mean square residual of [from, to).
func (s *store) window(from, to time.Time) (count uint64, mae, rmse float64) {
	for _, r := range s.asked {
		if r.ms >= from.UnixMilli() && r.ms < to.UnixMilli() {
			count++
			mae += math.Abs(r.off)
			rmse += r.off * r.off
		}
	}
	return count, mae / float64(count), math.Sqrt(rmse / float64(count))
}

// segmentBytes is what the segments of a store take on disk.
func segmentBytes(b *testing.B, dir string) (size int64) {
	b.Helper()
	require.NoError(b, filepath.WalkDir(filepath.Join(dir, "segments"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	}))
	return size
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

// quantile returns the time in nanoseconds that so many per cent of the calls took at most.
func (l *latencies) quantile(percent int) float64 {
	slices.Sort(l.nanos)
	return float64(l.nanos[len(l.nanos)*percent/100])
}

func (l *latencies) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(l.quantile(50), "p50-ns")
	b.ReportMetric(l.quantile(99), "p99-ns")
}
