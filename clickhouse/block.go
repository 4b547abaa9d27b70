package clickhouse

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
	"unsafe"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/event"
)

// block is rows of one shard that one INSERT brings: predictions of one month, or actuals. Its columns are those of the table, and its
// rows in the order of the table's key. Stored again it changes nothing.
type block struct {
	Shard int
	// Month is that of predictions, 0 for actuals.
	Month int
	// First is the version of most rows, see stamp.
	First uint64

	Models, Environments, Versions, IDs []string
	Orders                              []uint64 // the column version
	Values                              []float64

	// Of predictions.
	Times     []int64
	HasActual []uint8
	Actuals   []float64
	Features  []string

	// Of actuals.
	Known    []uint8
	Observed []int64
	Received time.Time
}

// unit is where a block goes.
type unit struct{ shard, month int }

// monthOf is the month of a time in milliseconds, as toYYYYMM has it.
func monthOf(milli int64) int {
	t := time.UnixMilli(milli).UTC()
	return t.Year()*100 + int(t.Month())
}

// source is a row of a request.
type source struct {
	series  uint32 // its place among the series of all requests, in the order of names
	request int32
	row     uint32
}

// blocksOf puts the rows of requests, all of predictions or all of actuals, into blocks. version is asked for the version of a shard's rows,
// of which a number of steps is used.
func blocksOf(requests []*request, of *shards) []*block {
	if requests[0].batch != nil {
		return predictionBlocks(requests, of)
	}
	return actualBlocks(requests, of)
}

// rankOf numbers the series of all requests in the order of the table's key.
func rankOf(requests []*request) (all []event.Series, ranks [][]uint32) {
	seen := map[event.Series]uint32{}
	for _, r := range requests {
		for _, s := range r.batch.Series {
			if _, ok := seen[s]; !ok {
				seen[s] = 0
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b event.Series) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Version, b.Version))
	})
	for i, s := range all {
		seen[s] = uint32(i)
	}
	for _, r := range requests {
		rank := make([]uint32, len(r.batch.Series))
		for i, s := range r.batch.Series {
			rank[i] = seen[s]
		}
		ranks = append(ranks, rank)
	}
	return all, ranks
}

func predictionBlocks(requests []*request, of *shards) []*block {
	all, ranks := rankOf(requests)
	places := make([]int, len(all)) // the shard of each series, by its place in the list
	for i, s := range all {
		places[i] = slices.Index(of.list, of.of(s.Model))
	}
	rows := map[unit][]source{}
	var last unit
	var run []source
	month, from, to := 0, int64(1), int64(0) // the month of the row before, and its bounds
	for i, r := range requests {
		for j, ts := range r.batch.Timestamps {
			rank := ranks[i][r.batch.SeriesOf[j]]
			if ts < from || ts >= to {
				month = monthOf(ts)
				first := time.Date(month/100, time.Month(month%100), 1, 0, 0, 0, 0, time.UTC)
				from, to = first.UnixMilli(), first.AddDate(0, 1, 0).UnixMilli()
			}
			if u := (unit{places[rank], month}); u != last || run == nil {
				if run != nil {
					rows[last] = run
				}
				last, run = u, rows[u]
			}
			run = append(run, source{rank, int32(i), uint32(j)})
		}
	}
	if run != nil {
		rows[last] = run
	}
	blocks := make([]*block, 0, len(rows))
	for u, list := range rows {
		blocks = append(blocks, predictionBlock(u, requests, all, list))
	}
	slices.SortFunc(blocks, func(a, b *block) int { return cmp.Or(a.Shard-b.Shard, a.Month-b.Month) })
	return blocks
}

// predictionBlock makes a block of rows, which it puts in order. Rows of one identity stay in the order in which they came, and the column
// Orders counts them.
func predictionBlock(u unit, requests []*request, all []event.Series, rows []source) *block {
	at := func(x source) (int64, []byte) {
		b := requests[x.request].batch
		return b.Timestamps[x.row], b.IDs.At(int(x.row))
	}
	sortRuns(rows, len(all), func(a, b source) int {
		t, id := at(a)
		o, other := at(b)
		return cmp.Or(cmp.Compare(t, o), bytes.Compare(id, other))
	})
	n := len(rows)
	b := &block{
		Shard: u.shard, Month: u.month, Models: make([]string, n), Environments: make([]string, n), Versions: make([]string, n), IDs: make([]string, n),
		Orders: make([]uint64, n), Values: make([]float64, n), Times: make([]int64, n), HasActual: make([]uint8, n), Actuals: make([]float64, n), Features: make([]string, n),
	}
	for i, x := range rows {
		from, j := requests[x.request].batch, int(x.row)
		s := &all[x.series]
		b.Models[i], b.Environments[i], b.Versions[i] = s.Model, s.Environment, s.Version
		b.Times[i], b.IDs[i], b.Features[i] = from.Timestamps[j], view(from.IDs.At(j)), view(from.Features.At(j))
		b.Values[i], b.Actuals[i] = from.Predicted[j], from.Actual[j]
		if from.Known.Get(j) {
			b.HasActual[i] = 1
		}
		if i > 0 && x.series == rows[i-1].series && b.Times[i] == b.Times[i-1] && b.IDs[i] == b.IDs[i-1] {
			b.Orders[i] = b.Orders[i-1] + 1
		}
	}
	return b
}

// sortRuns sorts rows by series, and those of one series by less. Both sorts are stable; the second is left out where a series is in order.
func sortRuns(rows []source, series int, compare func(a, b source) int) {
	starts := make([]int, series+1)
	for _, x := range rows {
		starts[x.series+1]++
	}
	for i := range series {
		starts[i+1] += starts[i]
	}
	sorted, next := make([]source, len(rows)), slices.Clone(starts)
	for _, x := range rows {
		sorted[next[x.series]] = x
		next[x.series]++
	}
	copy(rows, sorted)
	for i := range series {
		if run := rows[starts[i]:starts[i+1]]; !slices.IsSortedFunc(run, compare) {
			slices.SortStableFunc(run, compare)
		}
	}
}

func actualBlocks(requests []*request, of *shards) []*block {
	type row struct {
		model       string
		id          []byte
		request, at int
	}
	rows := make([][]row, len(of.list))
	for i, r := range requests {
		a := r.actuals
		places := make([]int, len(a.Models))
		for m, model := range a.Models {
			places[m] = slices.Index(of.list, of.of(model))
		}
		for j := range a.Len() {
			m := a.ModelOf[j]
			rows[places[m]] = append(rows[places[m]], row{a.Models[m], a.IDs.At(j), i, j})
		}
	}
	var blocks []*block
	for shard, list := range rows {
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(x, y row) int { return cmp.Or(cmp.Compare(x.model, y.model), bytes.Compare(x.id, y.id)) })
		b := &block{Shard: shard}
		for i, x := range list {
			a := requests[x.request].actuals
			scope := &a.Scopes[a.ScopeOf[x.at]]
			b.Models, b.IDs = append(b.Models, x.model), append(b.IDs, view(x.id))
			b.Versions, b.Environments = append(b.Versions, scope.Version), append(b.Environments, scope.Environment)
			b.Values, b.Known, b.Observed = append(b.Values, a.Values[x.at]), append(b.Known, 0), append(b.Observed, a.Observed[x.at])
			b.Orders = append(b.Orders, 0)
			if a.Known.Get(x.at) {
				b.Known[i] = 1
			}
			if i > 0 && b.Models[i] == b.Models[i-1] && b.IDs[i] == b.IDs[i-1] {
				b.Orders[i] = b.Orders[i-1] + 1
			}
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// view is bytes as a text without a copy: the block is gone before its request returns.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// steps is how many versions the block takes.
func (b *block) steps() uint64 { return slices.Max(b.Orders) + 1 }

// stamp makes the versions of the rows from that of the block. Where an actual does not say when it was observed, it was now.
func (b *block) stamp(version uint64, now time.Time) {
	b.First = version
	for i, order := range b.Orders {
		b.Orders[i] = version + order<<versionTagBits
	}
	b.Received = now.UTC()
	for i, observed := range b.Observed {
		if observed == 0 {
			b.Observed[i] = now.UnixMilli()
		}
	}
}

// send stores a block by a connection. sent is set once the server may have it.
func (b *block) send(ctx context.Context, conn driver.Conn, database string, settings ch.Settings) (sent bool, err error) {
	ctx = ch.Context(ctx, ch.WithSettings(settings))
	table, names := tablePredictions, "model_id, environment, model_version, timestamp, prediction_id, has_actual, version, predicted_value, actual_value, features"
	columns := []any{b.Models, b.Environments, b.Versions, b.Times, b.IDs, b.HasActual, b.Orders, b.Values, b.Actuals, b.Features}
	if b.Month == 0 {
		received := slices.Repeat([]int64{b.Received.UnixMilli()}, len(b.Models))
		table, names = tableActuals, "model_id, prediction_id, version, model_version, environment, known, actual_value, observed, received"
		columns = []any{b.Models, b.IDs, b.Orders, b.Versions, b.Environments, b.Known, b.Values, b.Observed, received}
	}
	return send(ctx, conn, fmt.Sprintf("INSERT INTO %s.%s (%s)", database, table, names), columns...)
}

// send stores columns by a statement that names them.
func send(ctx context.Context, conn driver.Conn, statement string, columns ...any) (sent bool, err error) {
	batch, err := conn.PrepareBatch(ctx, statement)
	if err != nil {
		return false, err
	}
	defer func() { _ = batch.Close() }()
	for i, column := range columns {
		if err := batch.Column(i).Append(column); err != nil {
			return false, fmt.Errorf("BUG: column %d of %q: %w", i, statement, err)
		}
	}
	return true, batch.Send()
}
