package pipes

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/distribution"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

const (
	// distributionBucketsMax bounds the rows of an answer.
	distributionBucketsMax = 1000
	// distributionRowsMax bounds the predictions that are read for one.
	distributionRowsMax = 20_000_000
)

// The sides of a distribution.
const (
	recentSide = iota
	referenceSide
)

var distributionPipe = Pipe{
	Name:        "model_error_distribution",
	Description: "How many predictions of a window, and of a reference, have an error of each size",
	Parameters: slices.Concat(nameParameters("default_model", "latest", "production"), windowParameters, []params.Parameter{
		{Name: "reference_from", Kind: "DateTime", Description: "the start of the window to compare with; without it there is none"},
		{Name: "reference_to", Kind: "DateTime", Description: "its end, exclusive; needs reference_from"},
		{Name: "of", Kind: "String", Default: "abs_error", Description: "error, abs_error, or predicted for the predictions themselves, those that wait for their actual too"},
		{Name: "buckets", Kind: "Int32", Default: "40", Description: "how many buckets at most, 5 to 1000"},
	}),
	Columns: []encode.Column{
		{Name: "lower", Kind: encode.NullableFloat64},
		{Name: "upper", Kind: encode.NullableFloat64},
		{Name: "recent_count", Kind: encode.UInt64},
		{Name: "reference_count", Kind: encode.UInt64},
	},
	needs:    answers[RowStore],
	overTime: true,
	Run:      runDistribution,
}

// measured returns the number of a row that is counted.
type measured func(predicted, actual float64) float64

var measuredChoices = []named[measured]{
	{"error", func(predicted, actual float64) float64 { return predicted - actual }},
	{"abs_error", func(predicted, actual float64) float64 { return math.Abs(predicted - actual) }},
	{"predicted", func(predicted, _ float64) float64 { return predicted }},
}

func runDistribution(ctx context.Context, ask *Question) error {
	q := engine.RowsQuery{Within: ask.Within, Actuals: engine.WithActual, Columns: engine.NumbersAlone}
	nothing, err := ask.names(&q.Model, &q.Version, &q.Environment, &q.Literal)
	if err != nil {
		return err
	}
	if err := ask.window(&q.Window, &q.From, &q.To, &q.AsOf); err != nil {
		return err
	}
	from, to, err := ask.referenceWindow()
	if err != nil {
		return err
	}
	of, err := choice(ask.Params, "of", measuredChoices)
	if err != nil {
		return err
	}
	if what, _ := ask.Params.String("of"); what == "predicted" {
		q.Actuals = engine.AnyActual
	}
	buckets, err := ask.Params.Int32("buckets")
	if err != nil {
		return err
	}
	if buckets < distribution.BucketsMin || buckets > distributionBucketsMax {
		return problem.BadParameter("the parameter buckets is %d; %d to %d are allowed", buckets, distribution.BucketsMin, distributionBucketsMax)
	}
	if nothing {
		return nil
	}
	if err := ask.Streams.Charge(rowsBytes); err != nil {
		return err
	}
	defer ask.Streams.Give(rowsBytes)
	d := counting{store: ask.Store.(RowStore), of: of, series: map[[3]string]bool{}}
	if err := d.count(ctx, recentSide, q); err != nil {
		return err
	}
	if !from.IsZero() {
		if q.Version == latestVersion && q.Literal&engine.VersionColumn == 0 {
			q.Version, d.bounded = engine.All, true // those that were the latest in the window
		}
		q.Window, q.From, q.To = 0, from, to
		if err := d.count(ctx, referenceSide, q); err != nil {
			return err
		}
	}
	addRows(ask, d.Buckets(int(buckets)), d.read, addDistribution)
	return nil
}

// referenceWindow reads the window to compare with; zero if there is none.
func (ask *Question) referenceWindow() (from, to time.Time, err error) {
	if from, err = ask.Params.Moment("reference_from"); err != nil {
		return from, to, err
	}
	if to, err = ask.Params.Moment("reference_to"); err != nil {
		return from, to, err
	}
	if from.IsZero() != to.IsZero() {
		return from, to, problem.BadParameter("the parameters reference_from and reference_to are given both or not at all")
	}
	return from, to, nil
}

// counting is a distribution that is being made of rows.
type counting struct {
	distribution.Distribution

	store RowStore
	of    measured
	// series are those of the recent side; the reference has no others if bounded is set.
	series  map[[3]string]bool
	bounded bool
	read    engine.Read
	rows    int
}

// count adds the rows of a query to a side.
func (d *counting) count(ctx context.Context, side int, q engine.RowsQuery) error {
	var counted []bool // of the series of a batch
	read, err := d.store.EachRows(ctx, q, func(b *engine.RowBatch) bool {
		counted = counted[:0]
		for i := range b.Series {
			s := &b.Series[i]
			name := [3]string{s.Model, s.Version, s.Environment}
			if side == recentSide {
				d.series[name] = true
			}
			counted = append(counted, !d.bounded || d.series[name])
		}
		for i, series := range b.SeriesOf {
			if counted[series] {
				d.Add(side, d.of(b.Predicted[i], b.Actual[i]))
			}
		}
		d.rows += b.Len()
		return d.rows <= distributionRowsMax
	})
	d.read.Add(read)
	if err == nil && d.rows > distributionRowsMax {
		err = problem.BadParameter("the windows have more than %d predictions; ask for shorter ones, or for fewer models", distributionRowsMax)
	}
	return err
}

func addDistribution(t *encode.Table, b *distribution.Bucket) {
	t.Add(encode.Number(b.Lower), encode.Number(b.Upper), encode.Whole(b.Counts[recentSide]), encode.Whole(b.Counts[referenceSide]))
}
