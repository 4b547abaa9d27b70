package httpapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
)

// ErrPipe is returned for a pipe of a project that a server cannot have.
var ErrPipe = errors.New("pipe")

// replaceable are the pipes of every server that a project may have in their places: those that the tutorial writes.
var replaceable = []string{performancePipe.name, driftPipe.name}

// pageRowsMax bounds a page of an answer.
const pageRowsMax = 100_000

// endpointParameters are those that each pipe of a project has.
var endpointParameters = []Parameter{
	{"q", "String", "", "SQL over the answer, which is called _ in it"},
	{"page", "Int32", "", "which page of the answer, from 0; needs page_size"},
	{"page_size", "Int32", "", "how many rows a page has"},
}

// deploy makes the endpoints of a set pipes.
func (s *sources) deploy(set endpoint.Set) error {
	if s.set = set; set == nil {
		return nil
	}
	for _, e := range set.Endpoints() {
		if !auth.PlainName(e.Name) {
			return fmt.Errorf("%w %q: the name must be 1 to 128 letters, digits, dots, dashes and underscores", ErrPipe, e.Name)
		}
		if s.takes(e.Name) {
			return fmt.Errorf("%w %q: the server has a pipe of that name itself; give the file another one", ErrPipe, e.Name)
		}
		s.deployed = append(s.deployed, pipe{
			name: e.Name, description: e.Description, parameters: parametersOf(&e), columns: columnsAnswered(e.Columns),
			needs: answers[endpoint.Store], deployed: true, run: runEndpoint,
		})
		for _, token := range e.Tokens {
			s.grants[token] = append(s.grants[token], auth.Scope{Kind: auth.ReadPipe, Name: e.Name})
		}
	}
	return nil
}

// takes tells whether a pipe of the server has a name that it does not give up, or the description of all pipes.
func (s *sources) takes(name string) bool {
	return name == "openapi" || !slices.Contains(replaceable, name) && s.pipeNamed(name) != nil
}

// deployedPipe returns a pipe of the project; nil if there is none of that name.
func (s *sources) deployedPipe(name string) *pipe {
	if i := slices.IndexFunc(s.deployed, func(p pipe) bool { return p.name == name }); i >= 0 {
		return &s.deployed[i]
	}
	return nil
}

// parametersOf describes the parameters of an endpoint.
func parametersOf(e *endpoint.Endpoint) []Parameter {
	var all []Parameter
	for _, p := range e.Params {
		of := Parameter{Name: p.Name, Kind: p.Type, Default: p.Default, Description: p.Description}
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
		if !slices.ContainsFunc(all, func(o Parameter) bool { return o.Name == p.Name }) {
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
func runEndpoint(ctx context.Context, q *question) error {
	statement, err := q.params.string("q")
	if err != nil {
		return err
	}
	ask := endpoint.Ask{Endpoint: q.table.Name, SQL: statement}
	if ask.Page, ask.PageSize, err = q.params.page(); err != nil {
		return err
	}
	_, err = q.askSet(ctx, &ask)
	return err
}

// checkReplaced refuses a parameter of a pipe of the server in whose place one of a project stands that does not have it: who sends it
// means the other one.
func (p *params) checkReplaced(name string) error {
	own := pipeNamed(name)
	if own == nil {
		return nil
	}
	for i := range p.list {
		given := string(p.list[i].name)
		if !p.lists(given) && slices.ContainsFunc(own.parameters, func(o Parameter) bool { return o.Name == given }) {
			return problem.BadParameter("the parameter %s is refused: the pipe %s of the project stands in the place of the server's own, which has it", given, name)
		}
	}
	return nil
}

// page reads the parameters page and page_size.
func (p *params) page() (page, size int, err error) {
	for _, x := range [...]struct {
		name  string
		value *int
	}{{"page", &page}, {"page_size", &size}} {
		text, given, err := p.text(x.name)
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
	if _, given, _ := p.text("page"); given && size == 0 {
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

// askSet asks the pipes of the project, and makes the answer the question's.
func (q *question) askSet(ctx context.Context, ask *endpoint.Ask) (*endpoint.Answer, error) {
	ask.Within, ask.Now, ask.Store = q.within, q.server.opts.Now(), q.store.(endpoint.Store)
	ask.Param = func(name string) (string, bool) {
		value, given, err := q.params.text(name)
		return string(value), given && err == nil
	}
	ask.Sees = q.sees
	for i := range q.params.list { // one that is given twice has two meanings
		if _, _, err := q.params.text(string(q.params.list[i].name)); err != nil && q.params.lists(string(q.params.list[i].name)) {
			return nil, err
		}
	}
	held := int64(0)
	ask.Hold = func(bytes int64) error {
		err := q.streams.charge(bytes)
		if err == nil {
			held += bytes
		}
		return err
	}
	streams, t := q.streams, q.table
	t.Done = func() { // the table has the answer until it is sent
		streams.bytes.Give(held)
		held = 0
	}
	answer, err := q.sources.set.Run(ctx, ask)
	if err != nil {
		return nil, err
	}
	t.Columns = columnsAnswered(answer.Columns)
	encode.AddRows(t, answer.Rows, addValues)
	t.Limited, t.BeforeLimit = answer.Limited, answer.BeforeLimit
	tellRead(t, answer.Read, q.within)
	return answer, nil
}

// sees tells whether who asks may read a pipe, or the rows of predictions.
func (q *question) sees(name string) bool {
	if name == predictionsName || name == predictionsPipe.name {
		return q.principal.Holds(auth.Scope{Kind: auth.ReadSource, Name: predictionsName}, auth.Scope{Kind: auth.ReadPipe, Name: predictionsPipe.name})
	}
	return q.principal.Holds(auth.Scope{Kind: auth.ReadPipe, Name: name})
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

// endpointError is the answer to an error of a set.
func endpointError(err error) (e *problem.Error, ok bool) {
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
