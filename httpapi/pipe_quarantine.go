package httpapi

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// quarantineRowsMax bounds the rejected lines of one answer.
const quarantineRowsMax = 10_000

// quarantineOf is the pipe that shows the rejected lines of one data source, or of all of them, the newest first.
func quarantineOf(name, source string) pipe {
	p := pipe{
		name:        name,
		description: "Rejected lines, the newest first",
		source:      source,
		parameters:  []Parameter{{"limit", "Int32", "100", "how many lines, at most 10000"}},
		columns: []column{
			{"c__error_column", kindStrings},
			{"c__error", kindStrings},
			{"c__import_id", kindNullableString},
			{"line", kindString},
			{"insertion_date", kindDateTime},
		},
		run: runQuarantine,
	}
	if source == "" {
		p.parameters = append([]Parameter{{"name", "String", "", "the data source; every one if it is not given"}}, p.parameters...)
		p.columns = append([]column{{"datasource", kindString}}, p.columns...)
	}
	return p
}

func runQuarantine(ctx context.Context, c *call, p *pipe) error {
	q := engine.QuarantineQuery{Source: p.source}
	if p.source == "" {
		name, err := c.params.string("name")
		if err != nil {
			return err
		}
		if name != "" && sourceIn(c.store, name) == nil {
			return notFound("the data source %s does not exist; GET /v0/datasources lists those that do", shown(name))
		}
		q.Source = name
	}
	limit, err := c.params.int32("limit")
	if err != nil {
		return err
	}
	if limit < 1 || limit > quarantineRowsMax {
		return badParameter("the parameter limit is %d; 1 to %d are allowed", limit, quarantineRowsMax)
	}
	q.Limit = int(limit)
	add := addReject
	if p.source == "" {
		add = addRejectOf
	}
	c.table.limited, c.table.longest = true, event.LineBytesMax
	store := c.store
	return pull(ctx, c, true, func(ctx context.Context, yield func(*engine.QuarantineRow) bool) (engine.Read, error) {
		return store.EachReject(ctx, q, yield)
	}, add)
}

func addRejectOf(t *table, r *engine.QuarantineRow) {
	t.add(text(r.Source))
	addReject(t, r)
}

func addReject(t *table, r *engine.QuarantineRow) {
	t.add(text(r.Column), text(r.Reason), text(r.ImportID), text(string(r.Line)), moment(r.InsertedAt))
	t.copied += len(r.Line)
	t.beforeLimit++
}
