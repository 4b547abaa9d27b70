package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/plan"
	"github.com/residualdb/residual/project/internal/sql"
	"github.com/residualdb/residual/project/internal/template"
)

// Pipes are the pipes of a project, which answer. The zero Pipes have none, and answer SQL all the same.
type Pipes struct {
	all       []*pipe
	endpoints []endpoint.Endpoint
	plans     plans
}

var _ endpoint.Set = (*Pipes)(nil)

// Endpoints implements [endpoint.Set].
func (ps *Pipes) Endpoints() []endpoint.Endpoint { return ps.endpoints }

// Refusal is the problem of an endpoint that a server cannot have, whatever is in its file, with the place that makes it an endpoint.
func (ps *Pipes) Refusal(name, text, advice string) Problem {
	p := ps.find(name)
	return Problem{File: p.file.name, Line: p.answersAt.line, Column: p.answersAt.column, Text: text, Advice: advice, source: p.file.source}
}

func (ps *Pipes) find(name string) *pipe {
	if i := slices.IndexFunc(ps.all, func(p *pipe) bool { return p.name == name }); i >= 0 {
		return ps.all[i]
	}
	return nil
}

// bytesMax is the default of endpoint.Ask.
const bytesMax = 64 << 20

// Run implements [endpoint.Set].
func (ps *Pipes) Run(ctx context.Context, ask *endpoint.Ask) (*endpoint.Answer, error) {
	a := &asking{pipes: ps, values: ask.Param, made: map[*pipeNode]*made{}}
	if a.values == nil {
		a.values = func(string) (string, bool) { return "", false }
	}
	q, err := ps.query(a, ask)
	if err != nil {
		return nil, asked(err)
	}
	in := plan.In{Store: ask.Store, Now: ask.Now, Within: ask.Within, BytesMax: cmp.Or(ask.BytesMax, bytesMax), Hold: ask.Hold}
	answer, err := q.Run(ctx, in)
	if err != nil {
		return nil, asked(err)
	}
	if ask.PageSize > 0 {
		if !answer.Limited {
			answer.Limited, answer.BeforeLimit = true, len(answer.Rows)
		}
		from := min(ask.Page*ask.PageSize, len(answer.Rows))
		answer.Rows = answer.Rows[from:min(from+ask.PageSize, len(answer.Rows))]
	}
	return answer, nil
}

// query is the statement that is asked.
func (ps *Pipes) query(a *asking, ask *endpoint.Ask) (*plan.Query, error) {
	var under *plan.Query
	if ask.Endpoint != "" {
		p := ps.find(ask.Endpoint)
		if p == nil || p.answers == nil {
			return nil, fmt.Errorf("%w: there is no endpoint %s", endpoint.ErrUnknown, shown(ask.Endpoint))
		}
		q, err := a.node(p.answers)
		if err != nil || ask.SQL == "" {
			return q, err
		}
		under = q
	}
	statement, err := sql.Parse(ask.SQL)
	if err != nil {
		return nil, within(ask.SQL, err)
	}
	q, err := plan.Compile(statement, func(name string, _ int) (*plan.Query, error) {
		if name == "_" && under != nil {
			return under, nil
		}
		if ask.Sees != nil && !ask.Sees(name) && (ps.find(name) != nil || slices.Contains(plan.TableNames(), name)) {
			return nil, fmt.Errorf("%w: the statement reads %s, for which the token has no scope", endpoint.ErrForbidden, name)
		}
		return a.endpoint(name)
	})
	return q, within(ask.SQL, err)
}

// within is an error of a statement with its place in it.
func within(statement string, err error) error {
	e, ok := errors.AsType[*sql.Error](err)
	if !ok || e.At > len(statement) {
		return err
	}
	before := statement[:e.At]
	line, column := 1+strings.Count(before, "\n"), e.At-strings.LastIndexByte(before, '\n')
	return fmt.Errorf("%w: line %d, column %d: %w", endpoint.ErrAsk, line, column, e)
}

// asked is an error as one of package endpoint.
func asked(err error) error {
	if errors.Is(err, endpoint.ErrAsk) || errors.Is(err, endpoint.ErrUnknown) || errors.Is(err, endpoint.ErrForbidden) {
		return err
	}
	if e, ok := errors.AsType[*plan.TooMuchError](err); ok {
		return fmt.Errorf("%w: %w", endpoint.ErrTooMuch, e)
	}
	if e, ok := errors.AsType[*template.Error](err); ok && e.Given {
		return fmt.Errorf("%w: %w", endpoint.ErrAsk, e)
	}
	if e, ok := errors.AsType[*nodeError](err); ok {
		text, advice, at := explain(e.err)
		if e.rendered != nil {
			if _, ok := errors.AsType[*template.Error](e.err); !ok {
				at = e.rendered.Place(at)
			}
		}
		p := e.node.place(at)
		if advice != "" {
			text += ": " + advice
		}
		return fmt.Errorf("%w: %s, line %d, column %d: %s", endpoint.ErrAsk, e.node.pipe.file.name, p.line, p.column, text)
	}
	if e, ok := errors.AsType[*sql.Error](err); ok { // of values
		return fmt.Errorf("%w: %w", endpoint.ErrAsk, e)
	}
	return err
}

// nodeError is what is wrong with a node, at the place that its error has in what was made of its template.
type nodeError struct {
	node     *pipeNode
	rendered *template.Rendered
	err      error
}

func (e *nodeError) Error() string { return e.err.Error() }

func (e *nodeError) Unwrap() error { return e.err }

// asking makes the statements of nodes for the parameters of one question.
type asking struct {
	pipes  *Pipes
	values template.Values
	// check is set where the pipes are checked, and nothing is asked.
	check bool
	made  map[*pipeNode]*made
	// open are the nodes that are being made, each of which reads the next.
	open []*pipeNode
	// pending are what each of them has read so far, by node with the text that it had.
	pending []map[*pipeNode]string
}

// made is the statement of a node for some parameters.
type made struct {
	text  string
	query *plan.Query
	// reads are the nodes that it reads, also by others, with the texts that they had. Each is there once, however many ways lead to it.
	reads map[*pipeNode]string
}

// endpoint is the statement that answers a pipe; nil if there is none of that name.
func (a *asking) endpoint(name string) (*plan.Query, error) {
	p := a.pipes.find(name)
	if p == nil {
		return nil, nil
	}
	n := p.answers
	if n == nil {
		n = p.nodes[len(p.nodes)-1]
	}
	return a.node(n)
}

// render puts the parameters into the text of a node.
func (a *asking) render(n *pipeNode) (*template.Rendered, error) {
	do := n.template.Render
	if a.check {
		do = n.template.Sample
	}
	r, err := do(a.values)
	if err != nil {
		return nil, &nodeError{n, nil, err}
	}
	return r, nil
}

// node is the statement of a node.
func (a *asking) node(n *pipeNode) (*plan.Query, error) {
	if m := a.made[n]; m != nil {
		a.note(n, m)
		return m.query, nil
	}
	if slices.Contains(a.open, n) {
		return nil, &nodeError{n, nil, sql.Errorf(0, "", "the node %s reads itself", sql.Shown(n.name))}
	}
	r, err := a.render(n)
	if err != nil {
		return nil, err
	}
	m := a.pipes.plans.find(a, n, r.Text)
	if m == nil {
		if m, err = a.plan(n, r); err != nil {
			if _, ok := errors.AsType[*nodeError](err); ok {
				return nil, err
			}
			return nil, &nodeError{n, r, err}
		}
		a.pipes.plans.keep(n, m)
	}
	a.made[n] = m
	a.note(n, m)
	return m.query, nil
}

// note tells the node that is being made what it reads.
func (a *asking) note(n *pipeNode, m *made) {
	if last := len(a.pending) - 1; last >= 0 && a.pending[last][n] == "" {
		a.pending[last][n] = m.text
		maps.Copy(a.pending[last], m.reads)
	}
}

// readsMax bounds the nodes that one may read, also by others.
const readsMax = 256

// plan plans the statement of a node.
func (a *asking) plan(n *pipeNode, r *template.Rendered) (*made, error) {
	statement, err := sql.Parse(r.Text)
	if err != nil {
		return nil, err
	}
	a.open = append(a.open, n)
	a.pending = append(a.pending, map[*pipeNode]string{})
	q, err := plan.Compile(statement, func(name string, _ int) (*plan.Query, error) {
		if name == n.name {
			return nil, nil
		}
		if i := slices.IndexFunc(n.pipe.nodes, func(o *pipeNode) bool { return o.name == name }); i >= 0 {
			return a.node(n.pipe.nodes[i])
		}
		if name == n.pipe.name {
			return nil, nil
		}
		return a.endpoint(name)
	})
	reads := a.pending[len(a.pending)-1]
	a.open, a.pending = a.open[:len(a.open)-1], a.pending[:len(a.pending)-1]
	if err != nil {
		return nil, err
	}
	if len(reads) > readsMax {
		return nil, sql.Errorf(0, "", "the node %s reads %d nodes, some by others; %d are allowed", sql.Shown(n.name), len(reads), readsMax)
	}
	return &made{text: r.Text, query: q.Shared(), reads: reads}, nil
}

// plansBytesMax bounds the texts of the statements that are kept; a statement takes some thirty times its text. A longer one than
// planBytesMax is planned each time.
const (
	plansBytesMax = 512 << 10
	planBytesMax  = 16 << 10
)

// plans keeps the statements of nodes by their texts: most questions have parameters that others had.
type plans struct {
	mu   sync.Mutex
	kept map[*pipeNode]map[string]*made
	// bytes are those of the texts.
	bytes int
}

// find returns the statement of a node for a text, if all that it reads has the text that it had then.
func (p *plans) find(a *asking, n *pipeNode, text string) *made {
	p.mu.Lock()
	m := p.kept[n][text]
	p.mu.Unlock()
	if m == nil {
		return nil
	}
	for read, had := range m.reads {
		if r, err := a.render(read); err != nil || r.Text != had {
			return nil
		}
	}
	return m
}

func (p *plans) keep(n *pipeNode, m *made) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(m.text) > planBytesMax {
		return
	}
	if p.bytes += len(m.text); p.bytes > plansBytesMax || p.kept == nil {
		p.kept, p.bytes = map[*pipeNode]map[string]*made{}, len(m.text)
	}
	if p.kept[n] == nil {
		p.kept[n] = map[string]*made{}
	}
	p.kept[n][m.text] = m
}

// check plans all nodes for parameters as they may be given, notes what is wrong, and makes those that answer endpoints.
func (ps *Pipes) check() {
	for _, p := range ps.all {
		if len(p.file.problems) > 0 {
			continue
		}
		for _, n := range p.nodes {
			ps.checkNode(n)
		}
	}
	for _, p := range ps.all {
		if len(p.file.problems) > 0 || p.answers == nil {
			continue
		}
		a := &asking{pipes: ps, values: func(string) (string, bool) { return "", false }, check: true, made: map[*pipeNode]*made{}}
		q, err := a.node(p.answers)
		if err != nil {
			p.file.fail(place{}, "mend what it reads", "the pipe reads what has something wrong: %v", err)
			continue
		}
		reads := slices.SortedFunc(maps.Keys(a.made[p.answers].reads), func(a, b *pipeNode) int {
			return cmp.Or(cmp.Compare(a.pipe.name, b.pipe.name), cmp.Compare(slices.Index(a.pipe.nodes, a), slices.Index(b.pipe.nodes, b)))
		})
		reads = append([]*pipeNode{p.answers}, reads...)
		ps.endpoints = append(ps.endpoints, p.endpoint(reads, q.Columns))
	}
	slices.SortFunc(ps.endpoints, func(a, b endpoint.Endpoint) int { return cmp.Compare(a.Name, b.Name) })
}

// variantsMax bounds how many sets of parameters a node is checked with.
const variantsMax = 24

// checkNode plans a node without parameters, with all of them, with each alone, and with each of the values that one may have.
func (ps *Pipes) checkNode(n *pipeNode) {
	params := n.template.Params()
	sets := []map[string]string{{}}
	all := map[string]string{}
	for i := range params {
		of := params[i].Sample()
		all[params[i].Name] = of
		sets = append(sets, map[string]string{params[i].Name: of})
		for _, value := range params[i].Enum {
			sets = append(sets, map[string]string{params[i].Name: value})
		}
	}
	sets = append(sets[:1:1], append([]map[string]string{all}, sets[1:]...)...)
	for _, set := range sets[:min(len(sets), variantsMax)] {
		a := &asking{pipes: ps, check: true, made: map[*pipeNode]*made{}, values: func(name string) (string, bool) {
			value, given := set[name]
			return value, given
		}}
		if _, err := a.node(n); err != nil {
			e, _ := errors.AsType[*nodeError](err)
			n.fail(n.pipe.file, err, e.rendered)
			return
		}
	}
}
