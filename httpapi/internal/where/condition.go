package where

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Condition is what a text means: rows that have one of the names in each column of which there are some, within the bounds of
// time.
type Condition struct {
	Models, Versions, Environments, IDs []string
	// From and To are half-open, in Unix milliseconds.
	From, To int64
	// Shape is the text with a question mark for each literal, to be logged.
	Shape string

	never bool
}

// Never tells whether no row can meet the condition.
func (c *Condition) Never() bool { return c.never || c.From >= c.To }

// Everything returns the condition that every row meets.
func Everything() *Condition {
	return &Condition{From: math.MinInt64, To: math.MaxInt64, Shape: "everything"}
}

// depthMax bounds how deep parentheses nest.
const depthMax = 64

// Parse reads a condition. now stands for now().
func Parse(text string, now time.Time) (*Condition, error) {
	p := parser{lexer: lexer{text: text}, now: now, found: Condition{From: math.MinInt64, To: math.MaxInt64}}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token.kind == end {
		return nil, p.wrong("the condition is empty; truncate deletes everything")
	}
	if err := p.terms(0); err != nil {
		return nil, err
	}
	if p.token.kind != end {
		return nil, p.unexpected("AND or the end")
	}
	p.found.Shape = strings.Join(p.shape, " ")
	return &p.found, nil
}

type parser struct {
	lexer
	now   time.Time
	found Condition
	shape []string
}

// terms reads terms with AND between them.
func (p *parser) terms(depth int) error {
	for {
		if err := p.term(depth); err != nil {
			return err
		}
		if !p.isWord("and") {
			return nil
		}
		if err := p.take(); err != nil {
			return err
		}
	}
}

func (p *parser) term(depth int) error {
	if p.isSign("(") {
		if depth == depthMax {
			return p.wrong("parentheses nest too deep")
		}
		if err := p.take(); err != nil {
			return err
		}
		if err := p.terms(depth + 1); err != nil {
			return err
		}
		if !p.isSign(")") {
			return p.unexpected("AND or )")
		}
		return p.take()
	}
	if p.token.kind != word && p.token.kind != quotedName {
		return p.unexpected("a column")
	}
	switch column := p.token.text; column {
	case "timestamp":
		return p.times()
	case "model_id":
		return p.names(&p.found.Models)
	case "model_version":
		return p.names(&p.found.Versions)
	case "environment":
		return p.names(&p.found.Environments)
	case "prediction_id":
		return p.names(&p.found.IDs)
	case "features", "predicted_value", "actual_value":
		return p.wrong("rows are not deleted by the column " + column)
	}
	return p.wrong("there is no such column; conditions are on model_id, model_version, environment, prediction_id and timestamp")
}

// names reads the rest of a term on a column of names.
func (p *parser) names(into *[]string) error {
	if err := p.take(); err != nil {
		return err
	}
	var names []string
	switch {
	case p.isSign("=") || p.isSign("=="):
		if err := p.take(); err != nil {
			return err
		}
		name, err := p.name()
		if err != nil {
			return err
		}
		names = []string{name}
	case p.isWord("in"):
		var err error
		if names, err = p.list(); err != nil {
			return err
		}
	default:
		return p.unexpected("=, or IN (...)")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if *into != nil { // both terms must hold
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(*into, name) })
	}
	p.found.never = p.found.never || len(names) == 0
	*into = names
	return nil
}

func (p *parser) list() (names []string, err error) {
	if err := p.take(); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if !p.isSign(",") {
			return names, p.expect(")")
		}
		if err := p.take(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) name() (string, error) {
	if p.token.kind != literal {
		return "", p.unexpected("a text in single quotes")
	}
	name := p.token.text
	return name, p.takeLiteral()
}

// times reads the rest of a term on the column timestamp.
func (p *parser) times() error {
	if err := p.take(); err != nil {
		return err
	}
	operator := p.token
	if !p.isWord("between") && !(operator.kind == sign && slices.Contains([]string{"<", "<=", ">", ">=", "=", "=="}, operator.text)) {
		return p.unexpected("<, <=, >, >=, = or BETWEEN")
	}
	if err := p.take(); err != nil {
		return err
	}
	from, to, err := p.moment()
	if err != nil {
		return err
	}
	switch operator.text {
	case "<":
		p.narrow(math.MinInt64, from)
	case "<=":
		p.narrow(math.MinInt64, to)
	case ">":
		p.narrow(to, math.MaxInt64)
	case ">=":
		p.narrow(from, math.MaxInt64)
	case "=", "==":
		p.narrow(from, to)
	default: // BETWEEN
		if !p.isWord("and") {
			return p.unexpected("AND")
		}
		if err := p.take(); err != nil {
			return err
		}
		_, to, err := p.moment()
		if err != nil {
			return err
		}
		p.narrow(from, to)
	}
	return nil
}

func (p *parser) narrow(from, to int64) {
	p.found.From, p.found.To = max(p.found.From, from), min(p.found.To, to)
}
