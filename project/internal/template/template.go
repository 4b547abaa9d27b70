package template

import (
	"fmt"
	"strings"
)

const (
	// bytesMax bounds a template, and what is made of it.
	bytesMax = 32 << 10
	// stepsMax bounds the nodes that one rendering goes through.
	stepsMax = 20_000
	depthMax = 32
)

// Error is something wrong with a template, or with a value of a parameter.
type Error struct {
	// At is the place in the template, in bytes.
	At           int
	Text, Advice string
	// Given is set where not the template is wrong, but what is given for its parameters.
	Given bool
}

func (e *Error) Error() string {
	if e.Advice == "" {
		return e.Text
	}
	return e.Text + ": " + e.Advice
}

func fail(at int, advice, format string, args ...any) *Error {
	return &Error{At: at, Text: fmt.Sprintf(format, args...), Advice: advice}
}

// Template is a text with places for values.
type Template struct {
	nodes  []node
	params []Param
}

// Param is a parameter that a template has.
type Param struct {
	Name, Type string
	// Default counts where HasDefault is set.
	Default                      string
	HasDefault, Required         bool
	Description, Format, Example string
	Enum                         []string
	at                           int
}

// node is a part of a template.
type node struct {
	at   int
	text string // where all else is empty
	expr expr
	// set names what expr is the value of, each what goes through the values of expr.
	set, each string
	branches  []branch // of if
	body      []node   // of for
}

// branch is a part of an if; a nil condition is that of else.
type branch struct {
	condition expr
	body      []node
}

// Parse reads a template. A text without any is one too.
func Parse(text string) (*Template, error) {
	if len(text) > bytesMax {
		return nil, fail(0, "", "the text has %d bytes; %d are allowed", len(text), bytesMax)
	}
	p := &parser{text: text}
	if trimmed := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(trimmed, "%") {
		p.at = len(text) - len(trimmed) + 1 // the mark of a template
	}
	t := &Template{}
	var end string
	var err *Error
	if t.nodes, end, err = p.body(0); err == nil && end != "" {
		err = fail(p.tagAt, "", "{%% %s %%} ends nothing", end)
	}
	if err == nil {
		err = t.describe()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Params returns the parameters, in the order in which they first stand.
func (t *Template) Params() []Param { return t.params }

// parser reads the text of a template.
type parser struct {
	text string
	at   int
	// tagAt is where the last statement is.
	tagAt int
}

// body reads up to a statement that ends it, which it returns.
func (p *parser) body(depth int) (nodes []node, end string, err *Error) {
	if depth > depthMax {
		return nil, "", fail(p.at, "", "statements nest deeper than %d", depthMax)
	}
	for p.at < len(p.text) {
		open := p.nextOpen()
		if open > p.at {
			nodes = append(nodes, node{at: p.at, text: p.text[p.at:open]})
		}
		if p.at = open; open == len(p.text) {
			break
		}
		kind := p.text[open+1]
		closing := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[kind]
		size := endOf(p.text[open+2:], closing, kind != '#')
		if size < 0 {
			return nil, "", fail(open, "end it with "+closing, "the %s is not closed", p.text[open:open+2])
		}
		inner := p.text[open+2 : open+2+size]
		p.at = open + 2 + size + len(closing)
		switch kind {
		case '{':
			e, err := parseExpr(inner, open+2)
			if err != nil {
				return nil, "", err
			}
			nodes = append(nodes, node{at: open, expr: e})
		case '%':
			p.tagAt = open
			n, end, err := p.statement(inner, open, depth)
			if err != nil {
				return nil, "", err
			}
			if end != "" {
				return nodes, end, nil
			}
			nodes = append(nodes, n)
		}
	}
	return nodes, "", nil
}

// nextOpen is where the next {{, {% or {# begins.
func (p *parser) nextOpen() int {
	for i := p.at; i+1 < len(p.text); i++ {
		if p.text[i] == '{' && (p.text[i+1] == '{' || p.text[i+1] == '%' || p.text[i+1] == '#') {
			return i
		}
	}
	return len(p.text)
}

// endOf is where what closes begins, beyond texts in quotes; -1 if it does not.
func endOf(s, closing string, quotes bool) int {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case quotes && (c == '\'' || c == '"'):
			quote = c
		case strings.HasPrefix(s[i:], closing):
			return i
		}
	}
	return -1
}

// statement reads what stands in {% %}; end is not empty for one that ends a body.
func (p *parser) statement(inner string, open, depth int) (n node, end string, err *Error) {
	trimmed := strings.TrimSpace(inner)
	word, rest, _ := strings.Cut(trimmed, " ")
	at := open + 2 + strings.Index(inner, trimmed) + len(word) + 1
	n.at = open
	switch word {
	case "end", "else", "endif", "endfor":
		return n, map[string]string{"endif": "end", "endfor": "end"}[word] + map[string]string{"end": "end", "else": "else"}[word], nil
	case "elif":
		return n, trimmed, nil
	case "if":
		return p.ifStatement(n, rest, at, depth)
	case "for":
		name, of, ok := strings.Cut(rest, " in ")
		if n.each = strings.TrimSpace(name); !ok {
			return n, "", fail(at, "write {% for x in list %}", "this is no for")
		}
		if n.expr, err = parseExpr(of, at+len(name)+4); err != nil {
			return n, "", err
		}
		if n.body, end, err = p.body(depth + 1); err == nil && end != "end" {
			err = fail(open, "write {% end %} behind it", "the for is not ended")
		}
		return n, "", err
	case "set":
		name, of, ok := strings.Cut(rest, "=")
		if n.set = strings.TrimSpace(name); !ok || !isName(n.set) {
			return n, "", fail(at, "write {% set x = value %}", "this is no set")
		}
		n.expr, err = parseExpr(of, at+len(name)+1)
		return n, "", err
	}
	if strings.HasPrefix(word, "error(") || strings.HasPrefix(word, "custom_error(") {
		n.expr, err = parseExpr(inner, open+2)
		return n, "", err
	}
	return n, "", fail(open, "there are if, elif, else, for, set, error and end", "the statement %q is not understood", shown(word))
}

func (p *parser) ifStatement(n node, condition string, at, depth int) (node, string, *Error) {
	for {
		b := branch{}
		var err *Error
		if condition != "" {
			if b.condition, err = parseExpr(condition, at); err != nil {
				return n, "", err
			}
		} else if len(n.branches) == 0 {
			return n, "", fail(n.at, "write {% if defined(x) %}", "the if has no condition")
		}
		last := b.condition == nil
		var end string
		if b.body, end, err = p.body(depth + 1); err != nil {
			return n, "", err
		}
		n.branches = append(n.branches, b)
		switch {
		case end == "end":
			return n, "", nil
		case end == "" || last:
			return n, "", fail(n.at, "write {% end %} behind it", "the if is not ended")
		case end == "else":
			condition = ""
		default:
			condition, at = strings.TrimSpace(strings.TrimPrefix(end, "elif")), p.tagAt+2
			if condition == "" {
				return n, "", fail(p.tagAt, "write {% elif defined(x) %}", "the elif has no condition")
			}
		}
	}
}

func isName(s string) bool {
	return s != "" && (s[0] < '0' || s[0] > '9') && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// shown is a part of a text, for an error.
func shown(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
