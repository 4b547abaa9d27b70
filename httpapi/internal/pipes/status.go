package pipes

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

// Status is how a server is: what the pipe status tells beside what the store counts.
type Status struct {
	// Status is ok, degraded or starting, Reason why it is not ok.
	Status, Reason, Version string
	// Uptime is how long the server has been there.
	Uptime time.Duration

	// What is held, and how much of it may be; a bound of zero is none.
	MemoryBytes, MemoryBytesMax int64
	Conns, ConnsMax             int
	AnswerBytes, AnswerBytesMax int64
	BodyBytes, BodyBytesMax     int64

	// What was refused since the start, by what there was not enough of.
	Refused struct{ Memory, BodyBytes, Ingests, Queries, Answers, Quota, Conns uint64 }
	// AnswersCut are answers that had begun and were cut short.
	AnswersCut uint64
}

// statusNumber is a column of the pipe status that is about everybody: one that asks for some models gets none of them.
type statusNumber struct {
	name string
	// value returns NaN for what is not known.
	value func(s *Status, stats *engine.Stats) float64
}

// traffic returns the number of what was stored in some time.
func traffic(of func(*engine.Stats) uint64) func(*Status, *engine.Stats) float64 {
	return func(_ *Status, stats *engine.Stats) float64 { return float64(of(stats)) }
}

// ownNumber returns a number that only a store has that keeps its rows itself.
func ownNumber(of func(*engine.Stats) float64) func(*Status, *engine.Stats) float64 {
	return func(_ *Status, stats *engine.Stats) float64 {
		if stats.Elsewhere {
			return math.NaN()
		}
		return of(stats)
	}
}

// tableNumber returns a number that a store knows from when it has looked at its tables.
func tableNumber(of func(*engine.Stats) float64) func(*Status, *engine.Stats) float64 {
	return func(_ *Status, stats *engine.Stats) float64 {
		if stats.Unmeasured {
			return math.NaN()
		}
		return of(stats)
	}
}

var statusNumbers = []statusNumber{
	{"rows_last_minute", traffic(func(s *engine.Stats) uint64 { return s.LastMinute.Rows })},
	{"rows_last_hour", traffic(func(s *engine.Stats) uint64 { return s.LastHour.Rows })},
	{"rows_last_day", traffic(func(s *engine.Stats) uint64 { return s.LastDay.Rows })},
	{"rejected_last_minute", traffic(func(s *engine.Stats) uint64 { return s.LastMinute.Rejected })},
	{"rejected_last_hour", traffic(func(s *engine.Stats) uint64 { return s.LastHour.Rejected })},
	{"rejected_last_day", traffic(func(s *engine.Stats) uint64 { return s.LastDay.Rejected })},
	{"rejected_kept", tableNumber(func(stats *engine.Stats) float64 { return float64(stats.QuarantineKept) })},
	{"rows", tableNumber(func(stats *engine.Stats) float64 { return float64(stats.HeadRows + stats.SealedRows) })},
	{"rejected_kept_limit", ownNumber(func(*engine.Stats) float64 { return engine.QuarantineRowsMax })},
	{"models", tableNumber(func(stats *engine.Stats) float64 { return float64(stats.Models) })},
	{"models_limit", func(_ *Status, stats *engine.Stats) float64 { return limit(stats.ModelsMax) }},
	{"series", tableNumber(func(stats *engine.Stats) float64 { return float64(stats.Series) })},
	{"model_series_most", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.ModelSeriesMost) })},
	{"model_series_limit", func(_ *Status, stats *engine.Stats) float64 { return limit(stats.SeriesMax) }},
	{"months", tableNumber(func(stats *engine.Stats) float64 { return float64(stats.Months) })},
	{"months_limit", func(_ *Status, stats *engine.Stats) float64 { return limit(stats.MonthsMax) }},
	{"unsealed_bytes", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.HeadBytes) })},
	{"unsealed_bytes_limit", func(_ *Status, stats *engine.Stats) float64 { return limit(stats.HeadBytesMax) }},
	{"remembered_actuals_bytes", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.ActualsBytes) })},
	{"remembered_actuals_bytes_limit", func(_ *Status, stats *engine.Stats) float64 { return limit(stats.ActualsBytesMax) }},
	{"idempotency_keys", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.IdempotencyKeys) })},
	{"idempotency_keys_limit", func(_ *Status, stats *engine.Stats) float64 { return limit(stats.IdempotencyKeysMax) }},
	{"waiting_rows", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.Waiting) })},
	{"orphans", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.Orphans) })},
	{"memory_bytes", func(s *Status, _ *engine.Stats) float64 { return float64(s.MemoryBytes) }},
	{"memory_limit_bytes", func(s *Status, _ *engine.Stats) float64 {
		return known(s.MemoryBytesMax > 0, float64(s.MemoryBytesMax))
	}},
	{"disk_bytes", tableNumber(func(stats *engine.Stats) float64 { return float64(stats.Disk.Bytes()) })},
	{"disk_free_bytes", func(_ *Status, stats *engine.Stats) float64 {
		return known(!stats.Unmeasured && stats.Disk.Free >= 0, float64(stats.Disk.Free))
	}},
	{"disk_days_left", daysLeft},
	{"log_bytes", ownNumber(func(stats *engine.Stats) float64 { return float64(stats.Disk.Log) })},
	{"log_free_bytes", func(_ *Status, stats *engine.Stats) float64 {
		return known(!stats.Elsewhere && stats.Disk.LogFree >= 0, float64(stats.Disk.LogFree))
	}},
	{"log_sync_p99_seconds", func(_ *Status, stats *engine.Stats) float64 {
		return quantile(stats.Log.Syncs.Bounds, stats.Log.Syncs.Counts, 0.99)
	}},
	{"connections", func(s *Status, _ *engine.Stats) float64 { return float64(s.Conns) }},
	{"connections_limit", func(s *Status, _ *engine.Stats) float64 { return float64(s.ConnsMax) }},
	{"answer_bytes", func(s *Status, _ *engine.Stats) float64 { return float64(s.AnswerBytes) }},
	{"answer_bytes_limit", func(s *Status, _ *engine.Stats) float64 { return float64(s.AnswerBytesMax) }},
	{"body_bytes", func(s *Status, _ *engine.Stats) float64 { return float64(s.BodyBytes) }},
	{"body_bytes_limit", func(s *Status, _ *engine.Stats) float64 { return float64(s.BodyBytesMax) }},
	{"refused_memory", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.Memory) }},
	{"refused_body_bytes", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.BodyBytes) }},
	{"refused_ingests", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.Ingests) }},
	{"refused_queries", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.Queries) }},
	{"refused_answers", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.Answers) }},
	{"refused_quota", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.Quota) }},
	{"refused_connections", func(s *Status, _ *engine.Stats) float64 { return float64(s.Refused.Conns) }},
	{"answers_cut", func(s *Status, _ *engine.Stats) float64 { return float64(s.AnswersCut) }},
}

var statusPipe = Pipe{
	Name:        "status",
	Description: "How the server is: what comes in, what it holds and what it may, and what it refused since its start",
	Columns: slices.Concat([]encode.Column{
		{Name: "status", Kind: encode.Status, States: []string{"ok", "degraded", "starting"}},
		{Name: "reason", Kind: encode.NullableString},
		{Name: "version", Kind: encode.String},
		{Name: "uptime_seconds", Kind: encode.Float64},
	}, numbersOf(statusNumbers)),
	Run: runStatus,
}

func numbersOf(numbers []statusNumber) (columns []encode.Column) {
	for i := range numbers {
		columns = append(columns, encode.Column{Name: numbers[i].name, Kind: encode.NullableFloat64})
	}
	return columns
}

func runStatus(_ context.Context, ask *Question) error {
	s := ask.Server.Status()
	ask.Table.Add(encode.Text(s.Status), encode.Text(s.Reason), encode.Text(s.Version), encode.Number(s.Uptime.Seconds()))
	stats := engine.Stats{}
	if ask.Within == "" {
		stats = ask.Store.Stats()
	}
	for i := range statusNumbers {
		number := math.NaN()
		if ask.Within == "" {
			number = statusNumbers[i].value(&s, &stats)
		}
		ask.Table.Add(encode.Number(number))
	}
	return nil
}

// limit is a bound, which a store that knows of none leaves zero.
func limit[N int | int64](n N) float64 { return known(n > 0, float64(n)) }

// known is a number, or NaN.
func known(is bool, number float64) float64 {
	if is {
		return number
	}
	return math.NaN()
}

const (
	// growthWindow is the time whose rows say how fast the disk fills, growthLeast the least of it that says something.
	growthWindow = 24 * time.Hour
	growthLeast  = time.Hour
)

// daysLeft is how many days the free space lasts, if as many rows go on coming as in the last day, each takes what sealed ones do on
// average, and nothing is dropped. Of a store that other processes write to it is not known.
func daysLeft(s *Status, stats *engine.Stats) float64 {
	up := min(s.Uptime, growthWindow)
	if stats.Elsewhere || up < growthLeast || stats.SealedRows == 0 || stats.LastDay.Rows == 0 || stats.Disk.Free < 0 {
		return math.NaN()
	}
	perDay := float64(stats.LastDay.Rows) * float64(growthWindow) / float64(up)
	return float64(stats.Disk.Free) / (perDay * float64(stats.SealedBytes) / float64(stats.SealedRows))
}

// quantile is the bound of a histogram that a share of its durations is within, in seconds: infinite if that is beyond all bounds.
func quantile(bounds []time.Duration, counts []uint64, share float64) float64 {
	var total, below uint64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return math.NaN()
	}
	for i, bound := range bounds {
		if below += counts[i]; float64(below) >= share*float64(total) {
			return bound.Seconds()
		}
	}
	return math.Inf(1)
}
