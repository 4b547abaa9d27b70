package httpapi

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// quarantineRowsMax bounds the rejected lines of one answer.
const quarantineRowsMax = 10_000

// quarantineOf is the pipe that shows the rejected lines of one data source, or of all of them, the newest first.
func quarantineOf(name, source string, needs func(Store) bool) pipe {
	p := pipe{
		name:        name,
		description: "Rejected lines, the newest first",
		source:      source,
		needs:       needs,
		rejects:     true,
		parameters:  []Parameter{{"limit", "Int32", "100", "how many lines, at most 10000"}},
		columns: []encode.Column{
			{Name: "c__error_column", Kind: encode.Strings},
			{Name: "c__error", Kind: encode.Strings},
			{Name: "c__import_id", Kind: encode.NullableString},
			{Name: "line", Kind: encode.String},
			{Name: "insertion_date", Kind: encode.DateTime},
			{Name: "c__place", Kind: encode.NullableString},
		},
		run: func(ctx context.Context, ask *question) error { return runQuarantine(ctx, ask, source) },
	}
	if source == "" {
		p.parameters = append([]Parameter{{"name", "String", "", "the data source; every one if it is not given"}}, p.parameters...)
		p.columns = append([]encode.Column{{Name: "datasource", Kind: encode.String}}, p.columns...)
	}
	return p
}

func runQuarantine(ctx context.Context, ask *question, source string) error {
	q := engine.QuarantineQuery{Source: source, Within: ask.within}
	if source == "" {
		name, err := ask.params.string("name")
		if err != nil {
			return err
		}
		if name != "" && ask.sources.in(ask.store, name) == nil {
			return problem.NotFound("the data source %s does not exist; GET /v0/datasources lists those that do", problem.Shown(name))
		}
		q.Source = name
	}
	limit, err := ask.params.int32("limit")
	if err != nil {
		return err
	}
	if limit < 1 || limit > quarantineRowsMax {
		return problem.BadParameter("the parameter limit is %d; 1 to %d are allowed", limit, quarantineRowsMax)
	}
	q.Limit = int(limit)
	add := addReject
	if source == "" {
		add = addRejectOf
	}
	if ask.within != "" {
		q.ModelOf = ask.sources.modelOf
		all := add
		add = func(t *encode.Table, r *engine.QuarantineRow) {
			r.ImportID, r.Place = "", "" // the number of the request among those of everybody, or of the message
			all(t, r)
		}
	}
	ask.table.Limited, ask.table.Longest, ask.holds = true, event.LineBytesMax, pullBytes
	return pull(ctx, ask, ask.store.EachReject, q, add)
}

func addRejectOf(t *encode.Table, r *engine.QuarantineRow) {
	t.Add(encode.Text(r.Source))
	addReject(t, r)
}

func addReject(t *encode.Table, r *engine.QuarantineRow) {
	t.Add(encode.Text(r.Column), encode.Text(r.Reason), encode.Text(r.ImportID), encode.Text(string(r.Line)), encode.Moment(r.InsertedAt), encode.Text(r.Place))
	t.Copied += len(r.Line)
	t.BeforeLimit++
}
