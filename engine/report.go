package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

const defaultMinActuals = 30

// ReportQuery asks for the full regression set of a window. The zero value of each field is its default.
type ReportQuery struct {
	// Model, Version and Environment pick series as in a [MetricsQuery].
	Model, Version, Environment string
	// Window, From, To and AsOf are the window as in a [MetricsQuery].
	Window   time.Duration
	From, To time.Time
	AsOf     time.Time
	// Floor decides which windows have insufficient data.
	Floor Floor
}

// ReportRow is the answer for one series.
type ReportRow struct {
	event.Series
	Measures
}

// ReportResult holds one row for each series whose first prediction is before the window's end, also where the window
// has none of its rows. Rows are ordered by model, version, environment.
type ReportResult struct {
	Rows []ReportRow
	Read Read
}

// Report answers q from aggregates and at most two decoded blocks per segment.
func (db *DB) Report(ctx context.Context, q ReportQuery) (ReportResult, error) {
	w, err := q.span(db.opts.Now())
	if err != nil {
		return ReportResult{}, err
	}
	floor, err := q.Floor.withDefaults()
	if err != nil {
		return ReportResult{}, err
	}
	var result ReportResult
	result.Read, err = db.each(ctx, q.scan(w), []window{{span: w}}, func(m *model, s *series, answers []answer) {
		if s.first < w.to {
			result.Rows = append(result.Rows, ReportRow{s.of(m), measuresOf(&answers[0], floor)})
		}
	})
	if err != nil {
		return ReportResult{}, err
	}
	slices.SortFunc(result.Rows, func(a, b ReportRow) int { return compareSeries(&a.Series, &b.Series) })
	return result, nil
}

func (q *ReportQuery) span(now time.Time) (span, error) {
	return MetricsQuery{Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf}.span(now)
}

func (q *ReportQuery) scan(w span) scan {
	return scan{
		model: q.Model,
		selection: selection{
			version:     orDefault(q.Version, latestVersion),
			environment: orDefault(q.Environment, defaultEnvironment),
			end:         w.to,
		},
		want: segment.WantAll,
	}
}

// of names the series of a model to the outside.
func (s *series) of(m *model) event.Series {
	return event.Series{Model: m.name, Version: s.version, Environment: s.environment}
}

func compareSeries(a, b *event.Series) int {
	return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Environment, b.Environment))
}
