package clickhouse

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
	"unsafe"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/event"
)

// block is rows of one shard that one INSERT brings: predictions of one month, or actuals, in the order of the table's key. It says which
// rows of its requests these are; their columns are made while it is sent. Stored again it changes nothing.
type block struct {
	unit
	// version is that of each row that is the first of its key, and stamped when it was given, see stamp.
	version uint64
	stamped time.Time

	requests []*request
	rows     []source
	// series are those of all requests, in the order of the table's key; those of actuals are models.
	series []event.Series
	// repeats is how many rows of the same key are before each row; nil where none has any.
	repeats []uint32
}

// unit is where a block goes: a shard, and the month of predictions, which is 0 for actuals.
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

// blocksOf puts the rows of requests, all of predictions or all of actuals, into blocks, by shard and month. They have no versions until they
// are stamped.
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
	slices.SortFunc(blocks, func(a, b *block) int { return cmp.Or(a.shard-b.shard, a.month-b.month) })
	return blocks
}

// predictionBlock makes a block of rows, which it puts in order. Rows of one identity stay in the order in which they came.
func predictionBlock(u unit, requests []*request, all []event.Series, rows []source) *block {
	at := func(x source) (int64, []byte) {
		b := requests[x.request].batch
		return b.Timestamps[x.row], b.IDs.At(int(x.row))
	}
	return blockOf(&block{unit: u, requests: requests, series: all, rows: rows}, func(a, b source) int {
		t, id := at(a)
		o, other := at(b)
		return cmp.Or(cmp.Compare(t, o), bytes.Compare(id, other))
	})
}

// blockOf puts the rows of a block in order, those of one series by compare, and counts those of one key.
func blockOf(b *block, compare func(a, b source) int) *block {
	sortRuns(b.rows, len(b.series), compare)
	for i, x := range b.rows[1:] {
		if before := b.rows[i]; x.series == before.series && compare(x, before) == 0 {
			if b.repeats == nil {
				b.repeats = make([]uint32, len(b.rows))
			}
			b.repeats[i+1] = b.repeats[i] + 1
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
	var models []event.Series
	ranks := map[string]uint32{}
	for _, r := range requests {
		for _, model := range r.actuals.Models {
			if _, ok := ranks[model]; !ok {
				ranks[model] = 0
				models = append(models, event.Series{Model: model})
			}
		}
	}
	slices.SortFunc(models, func(a, b event.Series) int { return cmp.Compare(a.Model, b.Model) })
	places := make([]int, len(models))
	for i, s := range models {
		ranks[s.Model], places[i] = uint32(i), slices.Index(of.list, of.of(s.Model))
	}
	rows := make([][]source, len(of.list))
	for i, r := range requests {
		for j, m := range r.actuals.ModelOf {
			rank := ranks[r.actuals.Models[m]]
			rows[places[rank]] = append(rows[places[rank]], source{rank, int32(i), uint32(j)})
		}
	}
	id := func(x source) []byte { return requests[x.request].actuals.IDs.At(int(x.row)) }
	var blocks []*block
	for shard, list := range rows {
		if len(list) > 0 {
			blocks = append(blocks, blockOf(&block{unit: unit{shard: shard}, requests: requests, series: models, rows: list}, func(a, b source) int { return bytes.Compare(id(a), id(b)) }))
		}
	}
	return blocks
}

// view is bytes as a text without a copy. They must not change while the text is in use: the bytes of a request do not until it returns, and
// those of an announcement are made for it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// steps is how many versions the block takes.
func (b *block) steps() uint64 {
	if b.repeats == nil {
		return 1
	}
	return uint64(slices.Max(b.repeats)) + 1
}

// stamp gives the block its version. Where an actual does not say when it was observed, it was now.
func (b *block) stamp(version uint64, now time.Time) { b.version, b.stamped = version, now.UTC() }

// sentColumns are those of some rows of a block, as the driver takes them. Texts are those of the requests.
type sentColumns struct {
	models, environments, versions, ids, features []string
	orders                                        []uint64 // the column version
	known                                         []uint8
	values, actuals                               []float64
	times, received                               []int64
}

// columnsOf makes the columns of rows from one to another one, in place of those before.
func (b *block) columnsOf(from, to int, c *sentColumns) {
	*c = sentColumns{
		c.models[:0], c.environments[:0], c.versions[:0], c.ids[:0], c.features[:0], c.orders[:0], c.known[:0], c.values[:0], c.actuals[:0], c.times[:0], c.received[:0],
	}
	for i := from; i < to; i++ {
		x := b.rows[i]
		order := b.version
		if b.repeats != nil {
			order += uint64(b.repeats[i]) << versionTagBits
		}
		c.orders = append(c.orders, order)
		if b.month == 0 {
			b.addActual(c, x)
		} else {
			b.addPrediction(c, x)
		}
	}
}

func (b *block) addPrediction(c *sentColumns, x source) {
	from, row, s := b.requests[x.request].batch, int(x.row), &b.series[x.series]
	c.models, c.environments, c.versions = append(c.models, s.Model), append(c.environments, s.Environment), append(c.versions, s.Version)
	c.times, c.ids, c.features = append(c.times, from.Timestamps[row]), append(c.ids, view(from.IDs.At(row))), append(c.features, view(from.Features.At(row)))
	c.values, c.actuals, c.known = append(c.values, from.Predicted[row]), append(c.actuals, from.Actual[row]), append(c.known, bit(from.Known.Get(row)))
}

func (b *block) addActual(c *sentColumns, x source) {
	from, row := b.requests[x.request].actuals, int(x.row)
	scope := &from.Scopes[from.ScopeOf[row]]
	now := b.stamped.UnixMilli()
	c.models, c.environments, c.versions = append(c.models, b.series[x.series].Model), append(c.environments, scope.Environment), append(c.versions, scope.Version)
	c.times, c.ids, c.received = append(c.times, cmp.Or(from.Observed[row], now)), append(c.ids, view(from.IDs.At(row))), append(c.received, now)
	c.values, c.known = append(c.values, from.Values[row]), append(c.known, bit(from.Known.Get(row)))
}

func bit(is bool) uint8 {
	if is {
		return 1
	}
	return 0
}

// rowsSent is of how many rows columns are made at a time, while a block is sent.
const rowsSent = 1 << 14

// send stores a block by a connection. sent is set once the server may have it. A block without two rows of one key is left as it is by the
// server, which would look for such.
func (b *block) send(ctx context.Context, conn driver.Conn, database string, settings ch.Settings) (sent bool, err error) {
	if b.repeats == nil {
		settings["optimize_on_insert"] = 0
	}
	table, names := schema.Predictions, "model_id, environment, model_version, timestamp, prediction_id, has_actual, version, predicted_value, actual_value, features"
	if b.month == 0 {
		table, names = schema.Actuals, "model_id, environment, model_version, observed, prediction_id, known, version, actual_value, received"
	}
	return send(ch.Context(ctx, ch.WithSettings(settings)), conn, fmt.Sprintf("INSERT INTO %s.%s (%s)", database, table, names), b.pieces)
}

// pieces yields the columns of rowsSent rows after the other, in the order in which send names them. They are good until the next ones.
func (b *block) pieces(yield func(columns []any) bool) {
	var c sentColumns
	for from := 0; from < len(b.rows); from += rowsSent {
		b.columnsOf(from, min(from+rowsSent, len(b.rows)), &c)
		columns := []any{c.models, c.environments, c.versions, c.times, c.ids, c.known, c.orders}
		if b.month == 0 {
			columns = append(columns, c.values, c.received)
		} else {
			columns = append(columns, c.values, c.actuals, c.features)
		}
		if !yield(columns) {
			return
		}
	}
}

// send stores columns, which come in pieces of some rows, by a statement that names them: all of them or none.
func send(ctx context.Context, conn driver.Conn, statement string, pieces iter.Seq[[]any]) (sent bool, err error) {
	batch, err := conn.PrepareBatch(ctx, statement)
	if err != nil {
		return false, err
	}
	defer func() { _ = batch.Close() }()
	for columns := range pieces {
		for i, column := range columns {
			if err := batch.Column(i).Append(column); err != nil {
				return false, fmt.Errorf("column %d of %q: %w", i, statement, err)
			}
		}
	}
	return true, batch.Send()
}

// onePiece is columns of all rows.
func onePiece(columns ...any) iter.Seq[[]any] { return slices.Values([][]any{columns}) }
