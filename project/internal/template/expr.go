package template

import (
	"strconv"
	"strings"
)

// expr is an expression.
type expr interface{ place() int }

type (
	constant struct {
		at int
		of any // string, int64, float64, bool, nil
	}
	name struct {
		at int
		of string
	}
	list struct {
		at int
		of []expr
	}
	call struct {
		at    int
		of    string
		args  []expr
		named map[string]expr
	}
	// operation has one operand behind not and -, else two.
	operation struct {
		at   int
		of   string
		a, b expr
	}
)

func (e *constant) place() int  { return e.at }
func (e *name) place() int      { return e.at }
func (e *list) place() int      { return e.at }
func (e *call) place() int      { return e.at }
func (e *operation) place() int { return e.at }

// token is a part of an expression: kind is 'n' for a name, 's' for a text, '0' for a number, 'o' for a sign, 0 for the end.
type token struct {
	kind byte
	at   int
	text string
}

// parseExpr reads an expression that stands at a place of the template.
func parseExpr(text string, at int) (expr, *Error) {
	tokens, err := lex(text, at)
	if err != nil {
		return nil, err
	}
	p := &exprParser{tokens: tokens}
	e := p.expr(0)
	if p.err == nil && p.peek().kind != 0 {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

func lex(s string, base int) (tokens []token, err *Error) {
	for i := 0; i < len(s); {
		c, from := s[i], i
		t := token{at: base + i}
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
			continue
		case c == '\'' || c == '"':
			var b strings.Builder
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				b.WriteByte(s[i])
			}
			if i == len(s) {
				return nil, fail(t.at, "", "the quote is not closed")
			}
			i++
			t.kind, t.text = 's', b.String()
		case c >= '0' && c <= '9':
			for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' || s[i] == 'e') {
				i++
			}
			t.kind, t.text = '0', s[from:i]
		case isName(s[i : i+1]):
			for i < len(s) && (isName(s[i:i+1]) || s[i] >= '0' && s[i] <= '9') {
				i++
			}
			t.kind, t.text = 'n', s[from:i]
		default:
			i++
			if i < len(s) && s[i] == '=' && strings.IndexByte("=!<>", c) >= 0 {
				i++
			}
			t.kind, t.text = 'o', s[from:i]
			if strings.IndexByte("=!<>()[],+-*/.%:{}", c) < 0 || t.text == "!" {
				return nil, fail(t.at, "", "%q is nothing that templates are written with", shown(s[from:]))
			}
		}
		tokens = append(tokens, t)
	}
	return append(tokens, token{at: base + len(s)}), nil
}

type exprParser struct {
	tokens      []token
	next, depth int
	err         *Error
}

func (p *exprParser) peek() *token { return &p.tokens[p.next] }

func (p *exprParser) is(text string) bool {
	t := p.peek()
	return (t.kind == 'o' || t.kind == 'n') && t.text == text
}

func (p *exprParser) take(text string) bool {
	if p.is(text) {
		p.next++
		return true
	}
	return false
}

func (p *exprParser) failAt(err *Error) {
	if p.err == nil {
		p.err = err
	}
	p.next = len(p.tokens) - 1
}

func (p *exprParser) unexpected() {
	if t := p.peek(); t.kind == 0 {
		p.failAt(fail(t.at, "", "the expression ends too early"))
	} else {
		p.failAt(fail(t.at, "", "%q is not understood here", shown(t.text)))
	}
}

// levels are the operators between two expressions, from those that bind least.
var levels = [...][]string{{"or"}, {"and"}, {"not"}, {"==", "!=", "<", "<=", ">", ">=", "in"}, {"+", "-"}, {"*", "/"}}

func (p *exprParser) expr(level int) expr {
	if p.depth++; p.depth > 4*depthMax {
		p.failAt(fail(p.peek().at, "", "the expression nests too deep"))
	}
	defer func() { p.depth-- }()
	if p.err != nil {
		return &constant{}
	}
	if level == len(levels) {
		return p.unary()
	}
	at := p.peek().at
	if level == 2 {
		if p.take("not") {
			return &operation{at: at, of: "not", a: p.expr(2)}
		}
		return p.expr(3)
	}
	e := p.expr(level + 1)
	for p.err == nil {
		op := ""
		for _, o := range levels[level] {
			if p.take(o) {
				op = o
				break
			}
		}
		if op == "" && level == 3 && p.is("not") && p.tokens[p.next+1].text == "in" {
			p.next += 2
			e = &operation{at: at, of: "not", a: &operation{at: at, of: "in", a: e, b: p.expr(level + 1)}}
			continue
		}
		if op == "" {
			return e
		}
		e = &operation{at: at, of: op, a: e, b: p.expr(level + 1)}
	}
	return e
}

func (p *exprParser) unary() expr {
	t := p.peek()
	if p.take("-") {
		return &operation{at: t.at, of: "negate", a: p.unary2()}
	}
	return p.unary2()
}

func (p *exprParser) unary2() expr {
	t := p.peek()
	p.next = min(p.next+1, len(p.tokens)-1)
	switch {
	case t.kind == 's':
		return &constant{t.at, t.text}
	case t.kind == '0':
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return &constant{t.at, n}
		}
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.failAt(fail(t.at, "", "%q is no number", shown(t.text)))
		}
		return &constant{t.at, f}
	case t.kind == 'n' && p.is("("):
		return p.call(t)
	case t.kind == 'n':
		if of, ok := map[string]any{"True": true, "False": false, "None": nil, "true": true, "false": false}[t.text]; ok {
			return &constant{t.at, of}
		}
		return &name{t.at, t.text}
	case t.kind == 'o' && t.text == "(":
		e := p.expr(0)
		if !p.take(")") {
			p.unexpected()
		}
		return e
	case t.kind == 'o' && t.text == "[":
		return &list{t.at, p.list("]", nil)}
	}
	if t.kind == 0 {
		p.unexpected()
	} else {
		p.failAt(fail(t.at, "", "%q is not understood here", shown(t.text)))
	}
	return &constant{}
}

// call reads the arguments of a call.
func (p *exprParser) call(t *token) expr {
	p.next++
	c := &call{at: t.at, of: t.text, named: map[string]expr{}}
	c.args = p.list(")", c.named)
	return c
}

// list reads expressions up to what closes; named gets those that have a name.
func (p *exprParser) list(closing string, named map[string]expr) (all []expr) {
	for p.err == nil && !p.take(closing) {
		if t := p.peek(); named != nil && t.kind == 'n' && p.tokens[min(p.next+1, len(p.tokens)-1)].text == "=" {
			p.next += 2
			named[t.text] = p.expr(0)
		} else {
			all = append(all, p.expr(0))
		}
		if !p.take(",") && !p.is(closing) {
			p.unexpected()
		}
	}
	return all
}
