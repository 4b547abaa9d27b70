package pipes

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
)

// ErrPipe is returned for a pipe of a project that a server cannot have.
var ErrPipe = errors.New("pipe")

// replaceable are the pipes of every server that a project may have in their places: those that the tutorial writes.
var replaceable = []string{performancePipe.Name, driftPipe.Name}

// pageRowsMax bounds a page of an answer.
const pageRowsMax = 100_000

// endpointParameters are those that each pipe of a project has.
var endpointParameters = []params.Parameter{
	{Name: "q", Kind: "String", Description: "SQL over the answer, which is called _ in it"},
	{Name: "page", Kind: "Int32", Description: "which page of the answer, from 0; needs page_size"},
	{Name: "page_size", Kind: "Int32", Description: "how many rows a page has"},
}

// parametersOf describes the parameters of an endpoint.
func parametersOf(e *endpoint.Endpoint) []params.Parameter {
	var all []params.Parameter
	for _, p := range e.Params {
		of := params.Parameter{Name: p.Name, Kind: p.Type, Default: p.Default, Description: p.Description}
		switch {
		case strings.HasPrefix(p.Type, "Int"), strings.HasPrefix(p.Type, "UInt"):
			of.Kind = "Int32"
		case strings.HasPrefix(p.Type, "Float"), strings.HasPrefix(p.Type, "Decimal"):
			of.Kind = "Float64"
		case p.Type != "Boolean":
			of.Kind = "String"
		}
		if len(p.Enum) > 0 {
			of.Description = strings.TrimSpace(of.Description + " one of " + strings.Join(p.Enum, ", "))
		}
		all = append(all, of)
	}
	for _, p := range endpointParameters {
		if !slices.ContainsFunc(all, func(o params.Parameter) bool { return o.Name == p.Name }) {
			all = append(all, p)
		}
	}
	return all
}

// kindsAnswered are the kinds of columns, by those of an answer.
var kindsAnswered = map[endpoint.Kind]encode.Kind{
	endpoint.Nothing: encode.String, endpoint.String: encode.String, endpoint.Float: encode.Float64, endpoint.Int: encode.Int64, endpoint.UInt: encode.UInt64,
	endpoint.Date: encode.Date, endpoint.DateTime: encode.DateTime, endpoint.DateTime64: encode.DateTime64,
}

// columnsAnswered are the columns of an answer.
func columnsAnswered(of []endpoint.Column) []encode.Column {
	columns := make([]encode.Column, len(of))
	for i, c := range of {
		kind := kindsAnswered[c.Type.Kind]
		columns[i] = encode.Column{Name: c.Name, Kind: kind, Optional: c.Type.Nullable || c.Type.Kind == endpoint.Nothing}
		if name := c.Type.String(); name != kind.String() {
			columns[i].Type = name
		}
	}
	return columns
}

// runEndpoint asks a pipe of the project.
func runEndpoint(ctx context.Context, q *Question) error {
	statement, err := q.Params.String("q")
	if err != nil {
		return err
	}
	ask := endpoint.Ask{Endpoint: q.Table.Name, SQL: statement}
	if ask.Page, ask.PageSize, err = page(q.Params); err != nil {
		return err
	}
	_, err = q.AskSet(ctx, &ask)
	return err
}

// CheckReplaced refuses a parameter of a pipe of the server in whose place one of a project stands that does not have it: who sends it
// means the other one.
func CheckReplaced(p *params.List, name string) error {
	own := builtIn(name)
	if own == nil {
		return nil
	}
	for i := range p.Given {
		given := string(p.Given[i].Name)
		if !p.Lists(given) && slices.ContainsFunc(own.Parameters, func(o params.Parameter) bool { return o.Name == given }) {
			return problem.BadParameter("the parameter %s is refused: the pipe %s of the project stands in the place of the server's own, which has it", given, name)
		}
	}
	return nil
}

// page reads the parameters page and page_size.
func page(p *params.List) (page, size int, err error) {
	for _, x := range [...]struct {
		name  string
		value *int
	}{{"page", &page}, {"page_size", &size}} {
		text, given, err := p.Text(x.name)
		if err != nil || !given {
			if err != nil {
				return 0, 0, err
			}
			continue
		}
		n, ok := wholeOf(string(text), pageRowsMax)
		if !ok || n == 0 && x.value == &size {
			return 0, 0, problem.BadParameter("Error validating %s to type Int32: the parameter %s must be a whole number up to %d", problem.Shown(text), x.name, pageRowsMax)
		}
		*x.value = n
	}
	if _, given, _ := p.Text("page"); given && size == 0 {
		return 0, 0, problem.BadParameter("the parameter page needs page_size: how many rows a page has")
	}
	return page, size, nil
}

// wholeOf reads a whole number from 0 to most.
func wholeOf(text string, most int) (n int, ok bool) {
	if text == "" || len(text) > 9 {
		return 0, false
	}
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + int(d-'0')
	}
	return n, n <= most
}

// AskSet asks the pipes of the project, and makes the answer the question's.
func (q *Question) AskSet(ctx context.Context, ask *endpoint.Ask) (*endpoint.Answer, error) {
	ask.Within, ask.Now, ask.Store = q.Within, q.Now(), q.Store.(endpoint.Store)
	ask.Param = func(name string) (string, bool) {
		value, given, err := q.Params.Text(name)
		return string(value), given && err == nil
	}
	ask.Sees = q.sees
	for i := range q.Params.Given { // one that is given twice has two meanings
		if _, _, err := q.Params.Text(string(q.Params.Given[i].Name)); err != nil && q.Params.Lists(string(q.Params.Given[i].Name)) {
			return nil, err
		}
	}
	held := int64(0)
	ask.Hold = func(bytes int64) error {
		err := q.Streams.Charge(bytes)
		if err == nil {
			held += bytes
		}
		return err
	}
	streams, t := q.Streams, q.Table
	t.Done = func() { // the table has the answer until it is sent
		streams.Give(held)
		held = 0
	}
	answer, err := q.Set.Project.Run(ctx, ask)
	if err != nil {
		return nil, err
	}
	t.Columns = columnsAnswered(answer.Columns)
	encode.AddRows(t, answer.Rows, addValues)
	t.Limited, t.BeforeLimit = answer.Limited, answer.BeforeLimit
	tellRead(t, answer.Read, q.Within)
	return answer, nil
}

// sees tells whether who asks may read a pipe, or the rows of predictions.
func (q *Question) sees(name string) bool {
	if name == engine.SourcePredictions || name == predictionsPipe.Name {
		return q.Principal.Holds(auth.Scope{Kind: auth.ReadSource, Name: engine.SourcePredictions}, auth.Scope{Kind: auth.ReadPipe, Name: predictionsPipe.Name})
	}
	return q.Principal.Holds(auth.Scope{Kind: auth.ReadPipe, Name: name})
}

// addValues adds a row of an answer.
func addValues(t *encode.Table, row *[]endpoint.Value) {
	for i := range *row {
		t.Add(cellOf(t.Columns[i].Kind, &(*row)[i]))
	}
}

// cellOf is a value as a cell of a kind.
func cellOf(kind encode.Kind, v *endpoint.Value) encode.Cell {
	switch {
	case v.Null:
		return encode.NullCell()
	case kind == encode.String:
		return encode.Text(v.Text)
	case kind == encode.Float64:
		return encode.Number(v.Number)
	case kind == encode.UInt64:
		return encode.Whole(uint64(v.Whole))
	case kind == encode.DateTime:
		return encode.Milli(max(v.Whole, 0) / 1000 * 1000)
	}
	return encode.Signed(v.Whole)
}

// Problem is the answer to an error of a set.
func Problem(err error) (e *problem.Error, ok bool) {
	switch {
	case errors.Is(err, endpoint.ErrUnknown):
		return problem.NotFound("%s", reasonOf(err, endpoint.ErrUnknown)), true
	case errors.Is(err, endpoint.ErrForbidden):
		return problem.Forbidden("%s", reasonOf(err, endpoint.ErrForbidden)), true
	case errors.Is(err, endpoint.ErrTooMuch):
		return problem.New(fasthttp.StatusBadRequest, "limits", "%s", reasonOf(err, endpoint.ErrTooMuch)), true
	case errors.Is(err, endpoint.ErrAsk):
		return problem.New(fasthttp.StatusBadRequest, "sql.md", "%s", reasonOf(err, endpoint.ErrAsk)), true
	}
	return nil, false
}

// reasonOf is the text of an error without that of its class.
func reasonOf(err, class error) string { return strings.TrimPrefix(err.Error(), class.Error()+": ") }
