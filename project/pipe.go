package project

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
	"github.com/residualdb/residual/project/internal/template"
)

// pipe is a .pipe file: nodes, of which one may answer.
type pipe struct {
	name, description string
	file              *file
	nodes             []*pipeNode
	// answers is the node of TYPE endpoint, nil where there is none.
	answers *pipeNode
	// answersAt is where the file says so.
	answersAt place
	tokens    []string
}

// pipeNode is a statement, with templates in it.
type pipeNode struct {
	pipe              *pipe
	name, description string
	template          *template.Template
	// text begins in the line of the file.
	text string
	line int
	at   place
}

var pipeWords = vocabulary{
	kind: ".pipe",
	values: []string{
		"DESCRIPTION", "TAGS", "TOKEN", "NODE", "TYPE", "VERSION",
		"DATASOURCE", "TARGET_DATASOURCE", "COPY_*", "EXPORT_*", "ENGINE", "ENGINE_*", "DEPLOYMENT_METHOD",
	},
	blocks:   []string{"DESCRIPTION", "SQL"},
	repeated: []string{"TOKEN", "NODE", "SQL", "DESCRIPTION", "TYPE"},
}

// readPipe reads the meaning of a .pipe file, as far as it can be told without the others.
func (l *loader) readPipe(f *file, name string) *pipe {
	p := &pipe{name: name, file: f}
	var of *pipeNode
	for i := range f.commands {
		switch c := &f.commands[i]; c.name {
		case "DESCRIPTION":
			if of == nil {
				p.description = c.text()
			} else {
				of.description = c.text()
			}
		case "TOKEN":
			for _, grant := range readGrant(f, c) {
				if grant.Append {
					f.fail(c.valueAt, "write TOKEN "+grant.Token+" READ", "nothing is appended to a pipe")
				}
				p.tokens = append(p.tokens, grant.Token)
			}
		case "NODE":
			of = &pipeNode{pipe: p, name: c.value, at: c.at}
			if slices.ContainsFunc(p.nodes, func(o *pipeNode) bool { return o.name == of.name }) {
				f.fail(c.valueAt, "give one of them another name", "the pipe has two nodes %s", shown(of.name))
			}
			p.nodes = append(p.nodes, of)
		case "SQL":
			of = p.readSQL(c, of)
		case "TYPE":
			p.readType(c, of)
		default:
			if c.name != "TAGS" && c.name != "VERSION" {
				f.fail(c.at, "pipes of TYPE endpoint are served, and those without a TYPE read by them", "%s is not understood: nothing is written by pipes", c.name)
			}
		}
	}
	for _, n := range p.nodes {
		if n.template == nil && len(f.problems) == 0 {
			f.fail(n.at, "write SQL > and the statement on indented lines below it", "the node %s has no SQL", shown(n.name))
		}
	}
	if len(p.nodes) == 0 && len(f.problems) == 0 {
		f.fail(place{}, "write NODE name, and SQL > below it", "the file has no node")
	}
	return p
}

// readSQL reads the statement of a node; without a NODE before it, it is that of one which is called as the pipe is.
func (p *pipe) readSQL(c *command, of *pipeNode) *pipeNode {
	if of == nil {
		of = &pipeNode{pipe: p, name: p.name, at: c.at}
		p.nodes = append(p.nodes, of)
	}
	if of.text != "" {
		p.file.fail(c.at, "write NODE and a name before it", "the node %s has SQL already", shown(of.name))
		return of
	}
	of.text, of.line = strings.Join(c.block, "\n"), c.blockLine
	if strings.TrimSpace(of.text) == "" {
		p.file.fail(c.at, "write the statement on indented lines below it", "the SQL of the node %s is empty", shown(of.name))
		return of
	}
	t, err := template.Parse(of.text)
	if err != nil {
		of.fail(p.file, err, nil)
	}
	of.template = t
	return of
}

func (p *pipe) readType(c *command, of *pipeNode) {
	switch {
	case !strings.EqualFold(c.value, "endpoint"):
		p.file.fail(c.valueAt, "write TYPE endpoint, or leave it out; rows and sums are kept by the store as they are", "a pipe of TYPE %s is not understood", shown(c.value))
	case of == nil:
		p.file.fail(c.at, "write NODE and SQL before it", "the TYPE is of no node")
	case p.answers != nil && p.answers != of:
		p.file.fail(c.at, "leave one out", "two nodes are of TYPE endpoint")
	default:
		p.answers, p.answersAt = of, c.at
	}
}

// place is the place in the file of one in the text of a node.
func (n *pipeNode) place(at int) place {
	before := n.text[:min(max(at, 0), len(n.text))]
	line := strings.Count(before, "\n")
	return place{n.line + line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])}
}

// fail notes what is wrong with a node; of is the text that was made of its template, nil where the template is wrong.
func (n *pipeNode) fail(f *file, err error, of *template.Rendered) {
	if e, ok := errors.AsType[*nodeError](err); ok && e.node != n { // what it reads says it
		return
	}
	text, advice, at := explain(err)
	if of != nil {
		if _, ok := errors.AsType[*template.Error](err); !ok {
			at = of.Place(at)
		}
	}
	p := n.place(at)
	if !slices.ContainsFunc(f.problems, func(o Problem) bool { return o.Line == p.line && o.Column == p.column && o.Text == text }) {
		f.fail(p, advice, "%s", text)
	}
}

// explain is what an error of a template or of SQL says.
func explain(err error) (text, advice string, at int) {
	if e, ok := errors.AsType[*template.Error](err); ok {
		return e.Text, e.Advice, e.At
	}
	if e, ok := errors.AsType[*sql.Error](err); ok {
		return e.Text, e.Advice, e.At
	}
	return err.Error(), "", 0
}

// endpoint describes the pipe as an endpoint, with the parameters of all nodes that it reads.
func (p *pipe) endpoint(reads []*pipeNode, columns []endpoint.Column) endpoint.Endpoint {
	e := endpoint.Endpoint{Name: p.name, Description: p.description, Columns: columns, Tokens: p.tokens, File: p.file.name}
	for _, n := range reads {
		for _, t := range n.template.Params() {
			if slices.ContainsFunc(e.Params, func(o endpoint.Param) bool { return o.Name == t.Name }) {
				continue
			}
			e.Params = append(e.Params, endpoint.Param{
				Name: t.Name, Type: t.Type, Default: t.Default, HasDefault: t.HasDefault, Required: t.Required || t.Type != "" && !t.HasDefault,
				Description: t.Description, Format: t.Format, Example: t.Example, Enum: t.Enum,
			})
		}
	}
	for _, n := range p.nodes {
		e.Nodes = append(e.Nodes, endpoint.Node{Name: n.name, Description: n.description, SQL: n.text})
	}
	return e
}
