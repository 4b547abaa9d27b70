package template

import (
	"math"
	"strconv"
	"strings"
)

// Rendered is the text that a template makes.
type Rendered struct {
	Text string
	// pieces are where parts of the text come from, in their order.
	pieces []piece
}

// piece is a part of the text from out on, which comes from the template at from: as it stands there, or made of what stands there.
type piece struct {
	out, from int
	made      bool
}

// Place is where in the template a place of the text comes from.
func (r *Rendered) Place(at int) int {
	of := piece{}
	for _, p := range r.pieces {
		if p.out > at {
			break
		}
		of = p
	}
	if of.made {
		return of.from
	}
	return of.from + at - of.out
}

// Values returns the value of a parameter.
type Values func(name string) (value string, given bool)

// Render puts values in their places.
func (t *Template) Render(values Values) (*Rendered, error) { return t.render(values, false) }

// Sample puts values in their places to check what comes of it: a parameter that must be given and is not has a value of its type.
func (t *Template) Sample(values Values) (*Rendered, error) { return t.render(values, true) }

func (t *Template) render(values Values, check bool) (*Rendered, error) {
	r := &renderer{template: t, values: values, check: check, set: map[string]any{}}
	r.body(t.nodes)
	if r.err != nil {
		return nil, r.err
	}
	r.out.Text = r.text.String()
	return &r.out, nil
}

// renderer is one rendering.
type renderer struct {
	template *Template
	values   Values
	check    bool
	set      map[string]any
	out      Rendered
	text     strings.Builder
	// quote is the quote that the text is within, 0 outside of all; comment is what ends the comment that it is within.
	quote   byte
	comment string
	steps   int
	err     *Error
}

func (r *renderer) fail(at int, advice, format string, args ...any) any {
	if r.err == nil {
		r.err = fail(at, advice, format, args...)
	}
	return nil
}

// given is fail for what is wrong with values.
func (r *renderer) given(at int, format string, args ...any) any {
	if r.err == nil {
		r.fail(at, "", format, args...)
		r.err.Given = true
	}
	return nil
}

// write adds text that comes from the template at a place.
func (r *renderer) write(text string, from int, made bool) {
	if r.text.Len()+len(text) > bytesMax {
		r.given(from, "the SQL has more than %d bytes once the parameters are in their places", bytesMax)
		return
	}
	if made && r.comment != "" {
		return // a value could end it
	}
	r.out.pieces = append(r.out.pieces, piece{r.text.Len(), from, made})
	r.text.WriteString(text)
	if made {
		return
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case r.comment != "":
			if strings.HasPrefix(text[i:], r.comment) {
				r.comment = ""
			}
		case r.quote == 0 && (c == '#' || strings.HasPrefix(text[i:], "--")):
			r.comment = "\n"
		case r.quote == 0 && strings.HasPrefix(text[i:], "/*"):
			r.comment = "*/"
			i++
		case r.quote != 0 && c == '\\':
			i++
		case r.quote != 0:
			if c == r.quote {
				r.quote = 0
			}
		case c == '\'' || c == '`' || c == '"':
			r.quote = c
		}
	}
}

func (r *renderer) body(nodes []node) {
	for i := range nodes {
		if r.steps++; r.steps > stepsMax {
			r.given(nodes[i].at, "the template takes more than %d steps", stepsMax)
		}
		if r.err != nil {
			return
		}
		r.node(&nodes[i])
	}
}

func (r *renderer) node(n *node) {
	switch {
	case n.set != "":
		r.set[n.set] = plain(r.eval(n.expr))
	case n.each != "":
		r.loop(n)
	case n.branches != nil:
		for i := range n.branches {
			if b := &n.branches[i]; b.condition == nil || truth(r.eval(b.condition)) {
				r.body(b.body)
				return
			}
		}
	case n.expr != nil:
		v := r.eval(n.expr)
		if text := r.literal(v); r.err == nil {
			r.write(text, n.at, true)
		}
	default:
		r.write(n.text, n.at, false)
	}
}

func (r *renderer) loop(n *node) {
	names := strings.Split(n.each, ",")
	values, ok := plain(r.eval(n.expr)).([]any)
	if !ok && r.err == nil {
		r.fail(n.expr.place(), "", "a for goes through a list")
	}
	for _, v := range values {
		if r.err != nil {
			return
		}
		parts, isList := v.([]any)
		for i, name := range names {
			name = strings.TrimSpace(name)
			if len(names) == 1 {
				r.set[name] = v
			} else if isList && i < len(parts) {
				r.set[name] = parts[i]
			}
		}
		r.body(n.body)
	}
}

// identifier is the name of a column.
type identifier string

// literal is a value as SQL writes it where the text is.
func (r *renderer) literal(v any) string {
	quoted := r.quote != 0
	switch v := v.(type) {
	case nil:
		return ""
	case *typed:
		if v.typ == "Symbol" {
			return r.literal(identifier(v.text))
		}
		return v.literal(quoted)
	case identifier:
		return "`" + strings.NewReplacer("`", "``", `\`, `\\`).Replace(string(v)) + "`"
	case string:
		of := typed{typ: "String", text: v}
		return of.literal(quoted)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return "nan"
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = r.literal(x)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	panic("BUG: no such value")
}

// plain is a value as expressions take it.
func plain(v any) any {
	if t, ok := v.(*typed); ok {
		return t.value()
	}
	return v
}

func truth(v any) bool {
	switch v := plain(v).(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int64:
		return v != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	}
	return true
}

func (r *renderer) eval(e expr) any {
	if r.steps++; r.steps > stepsMax {
		return r.given(e.place(), "the template takes more than %d steps", stepsMax)
	}
	if r.err != nil {
		return nil
	}
	switch e := e.(type) {
	case *constant:
		return e.of
	case *list:
		values := make([]any, len(e.of))
		for i, x := range e.of {
			values[i] = plain(r.eval(x))
		}
		return values
	case *name:
		if v, ok := r.set[e.of]; ok {
			return v
		}
		if v, ok := r.values(e.of); ok {
			return v
		}
		return nil
	case *call:
		return r.call(e)
	case *operation:
		return r.operation(e)
	}
	panic("BUG: no such expression")
}

func (r *renderer) operation(e *operation) any {
	switch e.of {
	case "and":
		return truth(r.eval(e.a)) && truth(r.eval(e.b))
	case "or":
		return truth(r.eval(e.a)) || truth(r.eval(e.b))
	case "not":
		return !truth(r.eval(e.a))
	}
	a := plain(r.eval(e.a))
	if e.of == "negate" {
		switch n := a.(type) {
		case int64:
			return -n
		case float64:
			return -n
		}
		return r.fail(e.at, "", "- stands before what is no number")
	}
	b := plain(r.eval(e.b))
	switch e.of {
	case "==":
		return equal(a, b)
	case "!=":
		return !equal(a, b)
	case "in":
		return within(a, b)
	}
	return r.arithmetic(e, a, b)
}

func equal(a, b any) bool {
	x, isX := floatOf(a)
	y, isY := floatOf(b)
	if isX && isY {
		return x == y
	}
	s, isS := a.(string)
	t, isT := b.(string)
	return isS && isT && s == t || a == nil && b == nil
}

func within(a, b any) bool {
	switch of := b.(type) {
	case []any:
		for _, x := range of {
			if equal(a, x) {
				return true
			}
		}
	case string:
		s, ok := a.(string)
		return ok && strings.Contains(of, s)
	}
	return false
}

func floatOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// arithmetic is < <= > >= + - * and /.
func (r *renderer) arithmetic(e *operation, a, b any) any {
	s, isS := a.(string)
	t, isT := b.(string)
	if isS && isT {
		switch e.of {
		case "+":
			if len(s)+len(t) > bytesMax {
				return r.given(e.at, "a text of more than %d bytes", bytesMax)
			}
			return s + t
		case "<":
			return s < t
		case "<=":
			return s <= t
		case ">":
			return s > t
		case ">=":
			return s >= t
		}
	}
	x, isX := floatOf(a)
	y, isY := floatOf(b)
	if !isX || !isY {
		return r.given(e.at, "the two sides of %s do not go together", e.of)
	}
	n, isN := a.(int64)
	m, isM := b.(int64)
	whole := isN && isM
	switch e.of {
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	case ">=":
		return x >= y
	case "+":
		if whole {
			return n + m
		}
		return x + y
	case "-":
		if whole {
			return n - m
		}
		return x - y
	case "*":
		if whole {
			return n * m
		}
		return x * y
	}
	return x / y
}
