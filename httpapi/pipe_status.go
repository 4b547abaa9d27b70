package httpapi

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

// statusNumber is a column of the pipe status that is about everybody: one that asks for some models gets none of them.
type statusNumber struct {
	name string
	// value returns NaN for what is not known.
	value func(s *Server, stats *engine.Stats) float64
}

// traffic returns the number of what was stored in some time.
func traffic(of func(*engine.Stats) uint64) func(*Server, *engine.Stats) float64 {
	return func(_ *Server, stats *engine.Stats) float64 { return float64(of(stats)) }
}

var statusNumbers = []statusNumber{
	{"rows_last_minute", traffic(func(s *engine.Stats) uint64 { return s.LastMinute.Rows })},
	{"rows_last_hour", traffic(func(s *engine.Stats) uint64 { return s.LastHour.Rows })},
	{"rows_last_day", traffic(func(s *engine.Stats) uint64 { return s.LastDay.Rows })},
	{"rejected_last_minute", traffic(func(s *engine.Stats) uint64 { return s.LastMinute.Rejected })},
	{"rejected_last_hour", traffic(func(s *engine.Stats) uint64 { return s.LastHour.Rejected })},
	{"rejected_last_day", traffic(func(s *engine.Stats) uint64 { return s.LastDay.Rejected })},
	{"rejected_kept", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.QuarantineKept) }},
	{"rows", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.HeadRows + stats.SealedRows) }},
	{"rejected_kept_limit", func(_ *Server, _ *engine.Stats) float64 { return engine.QuarantineRowsMax }},
	{"models", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Models) }},
	{"models_limit", func(_ *Server, stats *engine.Stats) float64 { return limit(stats.ModelsMax) }},
	{"series", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Series) }},
	{"model_series_most", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.ModelSeriesMost) }},
	{"model_series_limit", func(_ *Server, stats *engine.Stats) float64 { return limit(stats.SeriesMax) }},
	{"months", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Months) }},
	{"months_limit", func(_ *Server, stats *engine.Stats) float64 { return limit(stats.MonthsMax) }},
	{"unsealed_bytes", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.HeadBytes) }},
	{"unsealed_bytes_limit", func(_ *Server, stats *engine.Stats) float64 { return limit(stats.HeadBytesMax) }},
	{"remembered_actuals_bytes", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.ActualsBytes) }},
	{"remembered_actuals_bytes_limit", func(_ *Server, stats *engine.Stats) float64 { return limit(stats.ActualsBytesMax) }},
	{"idempotency_keys", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.IdempotencyKeys) }},
	{"idempotency_keys_limit", func(_ *Server, stats *engine.Stats) float64 { return limit(stats.IdempotencyKeysMax) }},
	{"waiting_rows", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Waiting) }},
	{"orphans", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Orphans) }},
	{"memory_bytes", func(s *Server, _ *engine.Stats) float64 { return float64(s.memory.Live()) }},
	{"memory_limit_bytes", func(s *Server, _ *engine.Stats) float64 { return known(s.memory.Limit > 0, float64(s.memory.Limit)) }},
	{"disk_bytes", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Disk.Bytes()) }},
	{"disk_free_bytes", func(_ *Server, stats *engine.Stats) float64 {
		return known(stats.Disk.Free >= 0, float64(stats.Disk.Free))
	}},
	{"disk_days_left", daysLeft},
	{"log_bytes", func(_ *Server, stats *engine.Stats) float64 { return float64(stats.Disk.Log) }},
	{"log_free_bytes", func(_ *Server, stats *engine.Stats) float64 {
		return known(stats.Disk.LogFree >= 0, float64(stats.Disk.LogFree))
	}},
	{"log_sync_p99_seconds", func(_ *Server, stats *engine.Stats) float64 {
		return quantile(stats.Log.Syncs.Bounds, stats.Log.Syncs.Counts, 0.99)
	}},
	{"connections", func(s *Server, _ *engine.Stats) float64 { return float64(s.openConns()) }},
	{"connections_limit", func(s *Server, _ *engine.Stats) float64 { return float64(s.limits.ConnsMax) }},
	{"answer_bytes", func(s *Server, _ *engine.Stats) float64 { return float64(s.streams.bytes.Held.Load()) }},
	{"answer_bytes_limit", func(s *Server, _ *engine.Stats) float64 { return float64(s.limits.AnswerBytesMax) }},
	{"body_bytes", func(s *Server, _ *engine.Stats) float64 { return float64(s.bodies.Held.Load()) }},
	{"body_bytes_limit", func(s *Server, _ *engine.Stats) float64 { return float64(s.limits.InFlightBytesMax) }},
	{"refused_memory", func(s *Server, _ *engine.Stats) float64 { return float64(s.memory.Refused.Load()) }},
	{"refused_body_bytes", func(s *Server, _ *engine.Stats) float64 { return float64(s.bodies.Refused.Load()) }},
	{"refused_ingests", func(s *Server, _ *engine.Stats) float64 { return float64(s.ingests.Refused.Load()) }},
	{"refused_queries", func(s *Server, _ *engine.Stats) float64 { return float64(s.queries.Refused.Load()) }},
	{"refused_answers", func(s *Server, _ *engine.Stats) float64 { return float64(s.streams.bytes.Refused.Load()) }},
	{"refused_quota", func(s *Server, _ *engine.Stats) float64 { return float64(s.quota.Refused.Load()) }},
	{"refused_connections", func(s *Server, _ *engine.Stats) float64 { return float64(s.counts.refusedConns.Load()) }},
	{"answers_cut", func(s *Server, _ *engine.Stats) float64 { return float64(s.counts.answersCut.Load()) }},
}

var statusPipe = pipe{
	name:        "status",
	description: "How the server is: what comes in, what it holds and what it may, and what it refused since its start",
	columns: slices.Concat([]encode.Column{
		{Name: "status", Kind: encode.Status, States: []string{"ok", "degraded", "starting"}},
		{Name: "reason", Kind: encode.NullableString},
		{Name: "version", Kind: encode.String},
		{Name: "uptime_seconds", Kind: encode.Float64},
	}, numbersOf(statusNumbers)),
	run: runStatus,
}

func numbersOf(numbers []statusNumber) (columns []encode.Column) {
	for i := range numbers {
		columns = append(columns, encode.Column{Name: numbers[i].name, Kind: encode.NullableFloat64})
	}
	return columns
}

func runStatus(_ context.Context, ask *question) error {
	s := ask.server
	status, reason, _ := s.wellBeing(ask.store)
	ask.table.Add(encode.Text(status), encode.Text(reason), encode.Text(s.opts.Version), encode.Number(s.uptime().Seconds()))
	stats := engine.Stats{}
	if ask.within == "" {
		stats = ask.store.Stats()
	}
	for i := range statusNumbers {
		number := math.NaN()
		if ask.within == "" {
			number = statusNumbers[i].value(s, &stats)
		}
		ask.table.Add(encode.Number(number))
	}
	return nil
}

// uptime is how long the server has been there.
func (s *Server) uptime() time.Duration { return max(s.opts.Now().Sub(s.started), 0) }

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
// average, and nothing is dropped.
func daysLeft(s *Server, stats *engine.Stats) float64 {
	up := min(s.uptime(), growthWindow)
	if up < growthLeast || stats.SealedRows == 0 || stats.LastDay.Rows == 0 || stats.Disk.Free < 0 {
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
