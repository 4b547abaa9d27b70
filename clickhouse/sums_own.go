package clickhouse

import (
	"context"
	"fmt"
	"slices"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Series that a statement is about go along with it as a table where they are many, or have cells of their own: ClickHouse takes some
// microseconds to understand each that it reads in a text.
const (
	seriesAlong = "series_along"
	// namedSeries is how many series are named in a statement.
	namedSeries = 50
)

// along are series that go along with a statement.
type along struct {
	only []event.Series
	// own are their cells, nil where all have the same.
	own []engine.OwnCells
}

// alongOf returns what goes along with a statement about cells of some series, nil where they are named in it.
func alongOf(cells *engine.Cells, only []event.Series) *along {
	if cells.Own == nil && len(only) <= namedSeries {
		return nil
	}
	return &along{only, cells.Own}
}

// seriesAreAlong is the condition that a row is of one of the series that go along, modelsAreAlong that it is of one of their models.
const (
	seriesAreAlong = "(model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM " + seriesAlong + ")"
	modelsAreAlong = "model_id IN (SELECT model_id FROM " + seriesAlong + ")"
)

// query returns a context with the settings of a question about the picture, and what goes along with it.
func (p *picture) query(ctx context.Context) (context.Context, error) {
	if p.along == nil {
		return query(ctx), nil
	}
	table, err := p.along.table()
	return ch.Context(query(ctx), ch.WithExternalTable(table)), err
}

// table makes the table that goes along. Of cells of a series it has the bounds, and of each bound whether the cell behind it is asked about.
func (a *along) table() (*ext.Table, error) {
	columns := []func(*ext.Table) error{ext.Column("model_id", "String"), ext.Column("environment", "String"), ext.Column("model_version", "String")}
	if a.own != nil {
		columns = append(columns, ext.Column("bounds", "Array(Int64)"), ext.Column("wanted", "Array(UInt8)"))
	}
	table, err := ext.NewTable(seriesAlong, columns...)
	if err != nil {
		return nil, err
	}
	for i, s := range a.only {
		row := []any{s.Model, s.Environment, s.Version}
		if a.own != nil {
			row = append(row, a.own[i].Bounds, wantedCells(&a.own[i]))
		}
		if err := table.Append(row...); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func wantedCells(of *engine.OwnCells) []uint8 {
	wanted := make([]uint8, len(of.Bounds))
	for i, from := range of.Bounds {
		if slices.ContainsFunc(of.Spans, func(s engine.CellSpan) bool { return s.From <= from && from < s.To }) {
			wanted[i] = 1
		}
	}
	return wanted
}

// inOwnCells selects of rows those in cells of their series, with what the cell begins with as own_cell.
func inOwnCells(rows string) string {
	return fmt.Sprintf(`(
SELECT *, arrayLastIndex(b -> b <= ms, bounds) AS place, bounds[place] AS own_cell
FROM (
%s
) AS rows_of INNER ALL JOIN %s USING (model_id, environment, model_version)
WHERE wanted[place] = 1
)`, rows, seriesAlong)
}

// boundsOf returns the bounds of the cells of a series.
func boundsOf(cells *engine.Cells) func(of event.Series) []int64 {
	if cells.Own == nil {
		return func(event.Series) []int64 { return cells.Bounds }
	}
	own := make(map[event.Series][]int64, len(cells.Own))
	for i := range cells.Own {
		own[cells.Own[i].Series] = cells.Own[i].Bounds
	}
	return func(of event.Series) []int64 { return own[of] }
}

// onShard returns the cells of the series of a shard, and these; nil stands for all that there are.
func (q *sums) onShard(of *shard, cells *engine.Cells) (mine *engine.Cells, only []event.Series) {
	elsewhere := func(s event.Series) bool { return q.store.shards.of(s.Model) != of }
	if cells.Own == nil {
		return cells, slices.DeleteFunc(slices.Clone(cells.Only), elsewhere)
	}
	narrowed := *cells
	narrowed.Own = slices.DeleteFunc(slices.Clone(cells.Own), func(x engine.OwnCells) bool { return elsewhere(x.Series) })
	only = make([]event.Series, len(narrowed.Own))
	for i := range narrowed.Own {
		only[i] = narrowed.Own[i].Series
	}
	return &narrowed, only
}
