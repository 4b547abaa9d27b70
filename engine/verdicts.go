package engine

import (
	"context"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/windows"
	"github.com/residualdb/residual/event"
)

// VerdictsQuery asks for the states of models over time. The zero value of each field is its default.
type VerdictsQuery struct {
	// ModelsQuery has the series and what is compared with what, of which AsOf is where the time ends.
	ModelsQuery
	// Window is how far back the time reaches. Default: 7 d.
	Window time.Duration
	// Interval is the length of a bucket, and Zone, which the [ModelsQuery] has, where days begin. Default: an hour.
	Interval Interval
}

// VerdictRow is the state of one series, or total, at the end of one bucket.
type VerdictRow struct {
	event.Series
	// Start and End are the half-open bucket. What came at its end or later does not count.
	Start, End time.Time
	State      ModelState
	// Comparison is what the state is about.
	Comparison Comparison
}

// EachVerdict hands on, for each series, a row for every bucket at whose end it had begun, ordered by model, version, environment,
// time, until yield returns false. A row is valid during the call. Predictions are those that there were at the end of a bucket,
// actuals those that are known now. It is an ErrQuery to ask for more than BucketsMax buckets or TimeseriesRowsMax rows.
func (db *DB) EachVerdict(ctx context.Context, q VerdictsQuery, yield func(row *VerdictRow) bool) (Read, error) {
	now := db.opts.Now()
	report := DriftReportQuery(q.ModelsQuery)
	report.Model = orAll(report.Model)
	p, err := report.plan(now)
	if err != nil {
		return Read{}, err
	}
	end := min(p.Recent.To, p.At+1)
	buckets, err := windows.Buckets(q.Interval, base.Span{From: base.SubMilli(end, base.OrDefault(q.Window, 7*windows.UsualDay)), To: end}, base.OrDefault(q.Zone, time.UTC))
	if err != nil || len(buckets) == 0 {
		return Read{}, err
	}
	plan := report.queryPlan(All)
	if err := p.check(ctx, &db.queries, &plan); err != nil {
		return Read{}, err
	}
	s := newSurvey(ctx, db, &p, plan)
	s.all = report.everyVersion()
	s.lately = db.queries.Gathers() && s.recentHasAll()
	of, err := s.find(&s.query)
	if err != nil {
		return s.read, err
	}
	if of.Len() > TimeseriesRowsMax/len(buckets) {
		return s.read, tooManyRows(&of, len(buckets))
	}
	moments, err := momentsOf(&p, buckets, end, base.OrDefault(report.Recent, defaultRecentWindow))
	if err != nil {
		return s.read, err
	}
	goOn := true
	err = eachModel(&of, func(*query.Total) bool { return goOn }, func(_ []int, of []*query.Total) error {
		rows, err := s.judgeBuckets(of, buckets, moments)
		if err != nil {
			return err
		}
		for i := range rows {
			for j := range rows[i] {
				if goOn = goOn && yield(&rows[i][j]); !goOn {
					return nil
				}
			}
		}
		return nil
	})
	return s.read, err
}

// momentsOf returns what is compared with what at the end of each bucket.
func momentsOf(p *driftPlan, buckets []base.Span, end int64, recent time.Duration) ([]windows.Layout, error) {
	moments := make([]windows.Layout, len(buckets))
	for i, b := range buckets {
		l := &moments[i]
		*l = p.Layout
		l.At = min(b.To, end)
		l.Recent = base.Span{From: base.SubMilli(l.At, recent), To: l.At}
		if err := l.Check(); err != nil {
			return nil, err
		}
	}
	return moments, nil
}

// judgeBuckets returns the states of each of the versions of a model, bucket by bucket.
func (s *survey) judgeBuckets(of []*query.Total, buckets []base.Span, moments []windows.Layout) ([][]VerdictRow, error) {
	rows := make([][]VerdictRow, len(of))
	bucket := 0
	batch := s.newBatch()
	batch.do = func(groups []group) error {
		if err := s.groups(groups, false); err != nil {
			return err
		}
		for i := range groups {
			b := buckets[bucket]
			bucket++
			for j := range groups[i].found {
				v := &groups[i].found[j]
				rows[v.place] = append(rows[v.place], VerdictRow{v.row.Series, momentOf(b.From), momentOf(b.To), v.row.State, v.row.Comparison})
			}
		}
		return nil
	}
	for i := range moments {
		if err := batch.addGroup(group{of: of, at: &moments[i]}); err != nil {
			return nil, err
		}
	}
	return rows, batch.flush()
}
