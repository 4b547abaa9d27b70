package pipes

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// quarantineRowsMax bounds the rejected lines of one answer.
const quarantineRowsMax = 10_000

// QuarantineSuffix is what the name of a quarantine has behind that of its data source.
const QuarantineSuffix = "_quarantine"

// quarantineOf is the pipe that shows the rejected lines of one data source, or of all of them, the newest first.
func quarantineOf(source string, needs func(store any) bool) Pipe {
	name := source + QuarantineSuffix
	if source == "" {
		name = "quarantine"
	}
	p := Pipe{
		Name:        name,
		Description: "Rejected lines, the newest first",
		source:      source,
		needs:       needs,
		Rejects:     true,
		Parameters:  []params.Parameter{{Name: "limit", Kind: "Int32", Default: "100", Description: "how many lines, at most 10000"}},
		Columns: []encode.Column{
			{Name: "c__error_column", Kind: encode.Strings},
			{Name: "c__error", Kind: encode.Strings},
			{Name: "c__import_id", Kind: encode.NullableString},
			{Name: "line", Kind: encode.String},
			{Name: "insertion_date", Kind: encode.DateTime},
			{Name: "c__place", Kind: encode.NullableString},
		},
		Run: func(ctx context.Context, ask *Question) error { return runQuarantine(ctx, ask, source) },
	}
	if source == "" {
		p.Parameters = append([]params.Parameter{{Name: "name", Kind: "String", Description: "the data source; every one if it is not given"}}, p.Parameters...)
		p.Columns = append([]encode.Column{{Name: "datasource", Kind: encode.String}}, p.Columns...)
	}
	return p
}

func runQuarantine(ctx context.Context, ask *Question, source string) error {
	q := engine.QuarantineQuery{Source: source, Within: ask.Within}
	if source == "" {
		name, err := ask.Params.String("name")
		if err != nil {
			return err
		}
		if name != "" && !ask.Server.HasSource(name) {
			return problem.NotFound("the data source %s does not exist; GET /v0/datasources lists those that do", problem.Shown(name))
		}
		q.Source = name
	}
	limit, err := ask.Params.Int32("limit")
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
	if ask.Within != "" {
		q.ModelOf = ask.Server.ModelOf
		all := add
		add = func(t *encode.Table, r *engine.QuarantineRow) {
			r.ImportID, r.Place = "", "" // the number of the request among those of everybody, or of the message
			all(t, r)
		}
	}
	ask.Table.Limited, ask.Table.Longest, ask.holds = true, event.LineBytesMax, pullBytes
	return pull(ctx, ask, ask.Store.EachReject, q, add)
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
