package template

import (
	"slices"
	"strconv"
	"strings"
)

// functionNames are those that are no types.
var functionNames = []string{"defined", "column", "columns", "symbol", "error", "custom_error", "enumerate_with_last", "split_to_array", "max_threads", "len", "enumerate", "range"}

// known tells whether there is a function.
func known(of string) bool { return isType(of) || slices.Contains(functionNames, of) }

// describe finds the parameters, and what is called that there is none of.
func (t *Template) describe() (err *Error) {
	locals := map[string]bool{}
	var visit func(e expr)
	visit = func(e expr) {
		switch e := e.(type) {
		case *list:
			for _, x := range e.of {
				visit(x)
			}
		case *operation:
			visit(e.a)
			if e.b != nil {
				visit(e.b)
			}
		case *call:
			if err == nil && !known(e.of) {
				err = fail(e.at, "there are the types, such as String and Int32, and "+strings.Join(functionNames, ", "), "the function %q of templates is not understood", shown(e.of))
			}
			if err == nil {
				err = t.parameter(e, locals)
			}
			for i, x := range e.args {
				if _, isName := x.(*name); !isName || i > 0 {
					visit(x)
				}
			}
		}
	}
	var body func(nodes []node)
	body = func(nodes []node) {
		for i := range nodes {
			n := &nodes[i]
			if n.expr != nil {
				visit(n.expr)
			}
			if n.set != "" {
				locals[n.set] = true
			}
			for local := range strings.SplitSeq(n.each, ",") {
				locals[strings.TrimSpace(local)] = true
			}
			for _, b := range n.branches {
				if b.condition != nil {
					visit(b.condition)
				}
				body(b.body)
			}
			body(n.body)
		}
	}
	body(t.nodes)
	return err
}

// parameter notes the parameter that a call is about.
func (t *Template) parameter(c *call, locals map[string]bool) *Error {
	if len(c.args) == 0 {
		if isType(c.of) {
			return fail(c.at, "write "+c.of+"(name, default)", "%s names no parameter", c.of)
		}
		return nil
	}
	n, ok := c.args[0].(*name)
	if !ok || locals[n.of] || !isType(c.of) && c.of != "defined" && c.of != "column" && c.of != "columns" && c.of != "symbol" {
		return nil
	}
	p := Param{Name: n.of, at: c.at}
	if isType(c.of) {
		p.Type = c.of
	} else if c.of != "defined" {
		p.Type = "String"
	}
	def, given := c.fallback()
	if k, ok := def.(*constant); given && ok {
		p.Default, p.HasDefault = textOf(k.of), k.of != nil
	}
	for key, to := range map[string]*string{"description": &p.Description, "format": &p.Format, "example": &p.Example} {
		if k, ok := c.named[key].(*constant); ok {
			*to = textOf(k.of)
		}
	}
	if k, ok := c.named["required"].(*constant); ok {
		p.Required = truth(k.of)
	}
	if l, ok := c.named["enum"].(*list); ok {
		for _, x := range l.of {
			if k, ok := x.(*constant); ok {
				p.Enum = append(p.Enum, textOf(k.of))
			}
		}
	}
	if c.of == "Array" && len(c.args) > 1 {
		if k, ok := c.args[1].(*constant); !ok || !isType(textOf(k.of)) || textOf(k.of) == "Array" {
			return fail(c.args[1].place(), "write Array(x, 'Int32')", "the type of an Array is one of its values")
		}
	}
	if p.HasDefault && isType(c.of) && c.of != "Array" && p.Default != "" && !valid(c.of, p.Default) {
		return fail(c.at, "", "the default %q is no %s", shown(p.Default), c.of)
	}
	return t.merge(&p)
}

// merge adds a parameter, or what is new of one that is there.
func (t *Template) merge(p *Param) *Error {
	i := slices.IndexFunc(t.params, func(o Param) bool { return o.Name == p.Name })
	if i < 0 {
		t.params = append(t.params, *p)
		return nil
	}
	o := &t.params[i]
	if o.Type == "" {
		o.Type = p.Type
	} else if p.Type != "" && o.Type != p.Type && (o.Type == "Array") != (p.Type == "Array") {
		return fail(p.at, "", "the parameter %s is %s here and %s before", p.Name, p.Type, o.Type)
	}
	if !o.HasDefault {
		o.Default, o.HasDefault = p.Default, p.HasDefault
	}
	o.Required = o.Required || p.Required
	for _, x := range [...]struct{ to, from *string }{{&o.Description, &p.Description}, {&o.Format, &p.Format}, {&o.Example, &p.Example}} {
		if *x.to == "" {
			*x.to = *x.from
		}
	}
	if o.Enum == nil {
		o.Enum = p.Enum
	}
	return nil
}

// fallback is the default that a call gives.
func (c *call) fallback() (e expr, ok bool) {
	if e, ok := c.named["default"]; ok {
		return e, true
	}
	at := 1
	if c.of == "Array" {
		at = 2
	}
	if len(c.args) > at && c.of != "defined" {
		return c.args[at], true
	}
	return nil, false
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// call is the value of a call.
func (r *renderer) call(c *call) any {
	switch c.of {
	case "defined":
		if len(c.args) == 0 {
			return r.fail(c.at, "write defined(x)", "defined names no parameter")
		}
		if n, ok := c.args[0].(*name); ok {
			if v, ok := r.set[n.of]; ok {
				return v != nil
			}
			_, given := r.values(n.of)
			return given
		}
		return plain(r.eval(c.args[0])) != nil
	case "error", "custom_error":
		if r.check {
			return nil
		}
		text := "the pipe refuses these parameters"
		if len(c.args) > 0 {
			if s, ok := plain(r.eval(c.args[0])).(string); ok {
				text = s
			}
		}
		return r.given(c.at, "%s", shownLong(text))
	case "column", "symbol":
		if s, ok := r.textArgument(c); ok {
			return identifier(s)
		}
		return nil
	case "columns":
		return r.columns(c)
	case "enumerate_with_last", "enumerate":
		return r.enumerate(c)
	case "split_to_array":
		s, _ := r.textArgument(c)
		return splitList(s)
	case "len":
		if len(c.args) == 1 {
			switch v := plain(r.eval(c.args[0])).(type) {
			case string:
				return int64(len(v))
			case []any:
				return int64(len(v))
			}
		}
		return int64(0)
	case "max_threads":
		return nil
	case "range":
		return r.fail(c.at, "", "range is not understood")
	}
	return r.typed(c)
}

func shownLong(s string) string { return strings.ToValidUTF8(s[:min(len(s), 500)], "") }

// textArgument is a text that a call has for its argument, by its value or that of a parameter.
func (r *renderer) textArgument(c *call) (string, bool) {
	if len(c.args) == 0 {
		r.fail(c.at, "", "%s has no argument", c.of)
		return "", false
	}
	v := plain(r.eval(c.args[0]))
	if v == nil {
		if def, ok := c.fallback(); ok {
			v = plain(r.eval(def))
		}
	}
	if v == nil && r.check {
		return "model_id", true
	}
	if v == nil {
		if n, ok := c.args[0].(*name); ok {
			r.given(c.at, "Required parameter is not defined. Check the parameters %s", n.of)
		}
		return "", false
	}
	return textOf(v), r.err == nil
}

// columns is a list of columns, as SQL has it behind SELECT.
func (r *renderer) columns(c *call) any {
	s, ok := r.textArgument(c)
	if !ok {
		return nil
	}
	names := splitList(s)
	for i, v := range names {
		text := r.literal(identifier(v.(string)))
		if i > 0 {
			text = "," + text
		}
		r.write(text, c.at, true)
	}
	return nil
}

func splitList(s string) (all []any) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// enumerate is a list of pairs: whether a value is the last, or which it is, and the value.
func (r *renderer) enumerate(c *call) any {
	if len(c.args) != 1 {
		return r.fail(c.at, "", "%s has one argument", c.of)
	}
	values, ok := plain(r.eval(c.args[0])).([]any)
	if !ok {
		return r.fail(c.at, "", "%s takes a list", c.of)
	}
	pairs := make([]any, len(values))
	for i, v := range values {
		if c.of == "enumerate" {
			pairs[i] = []any{int64(i), v}
		} else {
			pairs[i] = []any{i == len(values)-1, v}
		}
	}
	return pairs
}

// typed is the value of a parameter, or of an expression, held to a type.
func (r *renderer) typed(c *call) any {
	of := c.of
	t := &typed{typ: of}
	if of == "Array" {
		t.typ, t.array = "String", true
		if len(c.args) > 1 {
			t.typ = textOf(plain(r.eval(c.args[1])))
		}
	}
	v := plain(r.eval(c.args[0]))
	n, named := c.args[0].(*name)
	if v == nil {
		if def, ok := c.fallback(); ok {
			v = plain(r.eval(def))
		}
	}
	if v == nil && named && r.check {
		p := Param{Type: t.typ}
		if i := slices.IndexFunc(r.template.params, func(o Param) bool { return o.Name == n.of }); i >= 0 && !t.array {
			p.Enum = r.template.params[i].Enum
		}
		v = p.Sample()
	}
	if r.err != nil {
		return nil
	}
	if v == nil {
		if named {
			return r.given(c.at, "Required parameter is not defined. Check the parameters %s", n.of)
		}
		return nil
	}
	if !t.array {
		t.text = textOf(v)
		return r.check1(c, n, t, t.text)
	}
	values, isList := v.([]any)
	if !isList {
		values = splitList(textOf(v))
	}
	for _, x := range values {
		text := textOf(x)
		if t.values = append(t.values, text); r.check1(c, n, t, text) == nil {
			return nil
		}
	}
	return t
}

// check1 holds a value to a type, and to the values that it may have.
func (r *renderer) check1(c *call, n *name, t *typed, text string) any {
	if !valid(t.typ, text) {
		of := ""
		if n != nil {
			of = ": the parameter " + n.of
		}
		return r.given(c.at, "Error validating '%s' to type %s%s", shown(text), t.typ, of)
	}
	if l, ok := c.named["enum"].(*list); ok && !r.check {
		for _, x := range l.of {
			if k, ok := x.(*constant); ok && textOf(k.of) == text {
				return t
			}
		}
		return r.given(c.at, "Error validating '%s' to type %s: it is none of the values that the parameter may have", shown(text), t.typ)
	}
	return t
}
