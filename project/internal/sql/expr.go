package sql

import "strings"

// Levels of operators, from the one that binds least.
const (
	levelTernary = iota
	levelOr
	levelAnd
	levelNot
	levelComparison
	levelConcat
	levelSum
	levelProduct
	levelUnary
)

// operators are those between two expressions, with the functions that they call.
var operators = map[string]struct {
	level int
	name  string
}{
	"OR": {levelOr, "or"}, "AND": {levelAnd, "and"},
	"=": {levelComparison, "equals"}, "==": {levelComparison, "equals"}, "!=": {levelComparison, "notEquals"}, "<>": {levelComparison, "notEquals"},
	"<": {levelComparison, "less"}, "<=": {levelComparison, "lessOrEquals"}, ">": {levelComparison, "greater"}, ">=": {levelComparison, "greaterOrEquals"},
	"||": {levelConcat, "concat"}, "+": {levelSum, "plus"}, "-": {levelSum, "minus"},
	"*": {levelProduct, "multiply"}, "/": {levelProduct, "divide"}, "%": {levelProduct, "modulo"}, "DIV": {levelProduct, "intDiv"}, "MOD": {levelProduct, "modulo"},
}

func (p *parser) call(at int, name string, args ...Expr) Expr {
	if p.nodes++; p.nodes > nodesMax {
		p.failAt(at, "", "the statement has more than %d expressions", nodesMax)
	}
	return &Call{At: at, Name: name, Args: args}
}

// expr reads an expression.
func (p *parser) expr() Expr { return p.binary(levelTernary) }

// binary reads an expression whose operators bind at least as much as a level.
func (p *parser) binary(level int) Expr {
	if !p.deeper() {
		return &Literal{At: p.peek().at}
	}
	defer p.shallower()
	left := p.prefix(level)
	for p.err == nil {
		t := p.peek()
		at := t.at
		if t.kind != symbol && t.kind != word {
			return left
		}
		if level <= levelComparison {
			if e, ok := p.predicate(left); ok {
				left = e
				continue
			}
		}
		if t.sign("?") && level == levelTernary {
			p.next++
			then := p.binary(levelTernary)
			if !p.sign(":") {
				p.unexpected(":")
			}
			left = p.call(at, "if", left, then, p.binary(levelTernary))
			continue
		}
		op, ok := operators[strings.ToUpper(t.text)]
		if !ok || op.level < level {
			return left
		}
		p.next++
		right := p.binary(op.level + 1)
		if c, same := left.(*Call); same && c.Name == op.name && (op.name == "and" || op.name == "or") {
			c.Args = append(c.Args, right) // one list, however long it is
			continue
		}
		left = p.call(at, op.name, left, right)
	}
	return left
}

// prefix reads what an expression begins with.
func (p *parser) prefix(level int) Expr {
	t := p.peek()
	switch {
	case t.is("NOT") && level <= levelNot:
		p.next++
		return p.call(t.at, "not", p.binary(levelNot))
	case t.sign("-"):
		p.next++
		if n := p.peek(); n.kind == number {
			p.next++
			return p.postfix(&Literal{At: t.at, Kind: Number, Text: "-" + n.text})
		}
		return p.call(t.at, "negate", p.binary(levelUnary))
	case t.sign("+"):
		p.next++
		return p.binary(levelUnary)
	}
	return p.postfix(p.primary())
}

// predicate reads IN, BETWEEN, LIKE and IS behind an expression.
func (p *parser) predicate(left Expr) (e Expr, ok bool) {
	at, not := p.peek().at, false
	if p.peek().is("NOT") && (p.after().is("IN") || p.after().is("LIKE") || p.after().is("ILIKE") || p.after().is("BETWEEN")) {
		not = true
		p.next++
	}
	negated := func(e Expr) Expr {
		if not {
			return p.call(at, "not", e)
		}
		return e
	}
	switch {
	case p.accept("IS"):
		name := "isNull"
		if p.accept("NOT") {
			name = "isNotNull"
		}
		if !p.accept("NULL") {
			p.unexpected("NULL")
		}
		return p.call(at, name, left), true
	case p.accept("IN"):
		closing := ")"
		if p.peek().sign("[") {
			closing = "]"
		} else if !p.peek().sign("(") {
			p.unexpected("(")
			return left, true
		}
		args := []Expr{left}
		if p.selects(p.next + 1) {
			args = append(args, p.primary())
		} else {
			p.next++
			args = append(args, p.list(closing)...)
		}
		return negated(p.call(at, "in", args...)), true
	case p.accept("LIKE"):
		return negated(p.call(at, "like", left, p.binary(levelConcat))), true
	case p.accept("ILIKE"):
		return negated(p.call(at, "ilike", left, p.binary(levelConcat))), true
	case p.accept("BETWEEN"):
		low := p.binary(levelConcat)
		if !p.accept("AND") {
			p.unexpected("AND")
		}
		high := p.binary(levelConcat)
		return negated(p.call(at, "and", p.call(at, "greaterOrEquals", left, low), p.call(at, "lessOrEquals", left, high))), true
	}
	return nil, false
}

// list reads expressions up to the bracket that closes them.
func (p *parser) list(closing string) (list []Expr) {
	if p.sign(closing) {
		return nil
	}
	for {
		list = append(list, p.expr())
		if p.sign(closing) {
			return list
		}
		if !p.sign(",") {
			p.unexpected(", or " + closing)
			return list
		}
	}
}

// postfix reads [index] and ::type behind an expression.
func (p *parser) postfix(e Expr) Expr {
	for p.err == nil {
		t := p.peek()
		switch {
		case t.sign("["):
			p.next++
			e = p.call(t.at, "arrayElement", e, p.expr())
			p.need("]")
		case t.sign("::"):
			p.next++
			e = p.call(t.at, "CAST", e, p.typeName())
		default:
			return e
		}
	}
	return e
}

// typeName reads the name of a type as a text.
func (p *parser) typeName() Expr {
	at := p.peek().at
	var name strings.Builder
	name.WriteString(p.name("the name of a type"))
	if p.sign("(") {
		name.WriteByte('(')
		for depth := 1; depth > 0 && p.peek().kind != end; p.next++ {
			t := p.peek()
			switch {
			case t.sign("("):
				depth++
			case t.sign(")"):
				depth--
			}
			if t.kind == text {
				name.WriteString("'" + t.text + "'")
			} else {
				name.WriteString(t.text)
			}
		}
	}
	return &Literal{At: at, Kind: Text, Text: name.String()}
}

// primary reads a literal, a name, a call, or what is in brackets.
func (p *parser) primary() Expr {
	t := p.peek()
	switch {
	case t.kind == number:
		p.next++
		return &Literal{At: t.at, Kind: Number, Text: t.text}
	case t.kind == text:
		p.next++
		return &Literal{At: t.at, Kind: Text, Text: t.text}
	case t.sign("("):
		return p.brackets()
	case t.sign("["):
		p.fail("", "arrays are not understood")
	case t.is("CASE"):
		return p.cases()
	case t.is("INTERVAL"):
		return p.interval()
	case t.is("CAST") && p.after().sign("("):
		return p.cast()
	case t.is("NULL"), t.is("TRUE"), t.is("FALSE"):
		if !p.after().sign("(") {
			p.next++
			return &Literal{At: t.at, Kind: map[string]LiteralKind{"NULL": Null, "TRUE": True, "FALSE": False}[strings.ToUpper(t.text)]}
		}
	case (t.is("DATE") || t.is("TIMESTAMP")) && p.after().kind == text:
		p.next += 2
		name := "toDate"
		if t.is("TIMESTAMP") {
			name = "toDateTime"
		}
		return p.call(t.at, name, &Literal{At: p.tokens[p.next-1].at, Kind: Text, Text: p.tokens[p.next-1].text})
	}
	return p.named()
}

// brackets reads (expression) and (SELECT …).
func (p *parser) brackets() Expr {
	at := p.peek().at
	if p.selects(p.next + 1) {
		p.next++
		q := p.statement()
		p.need(")")
		return &Subquery{At: at, Query: q}
	}
	p.next++
	e := p.expr()
	if p.peek().sign(",") {
		p.fail("", "tuples are not understood")
	}
	p.need(")")
	if c, ok := e.(*Call); ok && (c.Name == "and" || c.Name == "or") { // what follows is none of its arguments
		return &Call{At: c.At, Name: c.Name, Args: []Expr{e}}
	}
	return e
}

// named reads a name, with that of its table, or a call.
func (p *parser) named() Expr {
	t := p.peek()
	if t.kind != quotedWord && (t.kind != word || reserved[strings.ToUpper(t.text)] && !p.after().sign("(")) {
		p.unexpected("an expression")
		return &Literal{At: t.at}
	}
	p.next++
	if t.kind == word && p.peek().sign("(") {
		return p.arguments(t)
	}
	id := &Ident{At: t.at, Name: t.text}
	for p.peek().sign(".") && (p.after().kind == word || p.after().kind == quotedWord) {
		id.Table, id.Name = id.Name, p.after().text
		p.next += 2
	}
	return id
}

// arguments reads those of a call.
func (p *parser) arguments(name *token) Expr {
	p.need("(")
	c := &Call{At: name.at, Name: name.text}
	if p.nodes++; p.nodes > nodesMax {
		p.failAt(name.at, "", "the statement has more than %d expressions", nodesMax)
	}
	c.Distinct = p.accept("DISTINCT")
	if strings.EqualFold(c.Name, "extract") && p.after().is("FROM") {
		unit := p.name("a part of a time")
		p.next++
		c.Name, c.Args = "to"+strings.ToUpper(unit[:1])+strings.ToLower(unit[1:]), p.list(")")
		return c
	}
	if p.sign("*") {
		p.need(")")
	} else {
		c.Args = p.list(")")
	}
	if p.peek().sign("(") {
		p.next++
		c.Params = c.Args
		if c.Params == nil {
			c.Params = []Expr{}
		}
		c.Distinct = p.accept("DISTINCT")
		c.Args = p.list(")")
	}
	if p.peek().is("OVER") {
		p.failAt(name.at, "", "window functions are not understood")
	}
	return c
}

// cases reads CASE [x] WHEN … THEN … ELSE … END.
func (p *parser) cases() Expr {
	at := p.peek().at
	p.next++
	var of Expr
	if !p.peek().is("WHEN") {
		of = p.expr()
	}
	var args []Expr
	for p.accept("WHEN") {
		when := p.expr()
		if of != nil {
			when = p.call(at, "equals", of, when)
		}
		if !p.accept("THEN") {
			p.unexpected("THEN")
		}
		args = append(args, when, p.expr())
	}
	if len(args) == 0 {
		p.unexpected("WHEN")
	}
	if p.accept("ELSE") {
		args = append(args, p.expr())
	} else {
		args = append(args, &Literal{At: p.peek().at})
	}
	if !p.accept("END") {
		p.unexpected("END")
	}
	return p.call(at, "multiIf", args...)
}

// interval reads INTERVAL n unit, where n may be in quotes, and with its unit.
func (p *parser) interval() Expr {
	at := p.peek().at
	p.next++
	var n Expr
	unit := ""
	if t := p.peek(); t.kind == text {
		p.next++
		of, rest, both := strings.Cut(strings.TrimSpace(t.text), " ")
		n = &Literal{At: t.at, Kind: Number, Text: strings.TrimSpace(of)}
		if both {
			unit = strings.TrimSpace(rest)
		}
		if !isWhole(strings.TrimPrefix(of, "-")) {
			p.failAt(t.at, "", "%s is no number of hours, days or the like", Shown(t.text))
		}
	} else {
		n = p.binary(levelSum)
	}
	unitAt := p.peek().at
	if unit == "" {
		unit = p.name("a unit, such as HOUR")
	}
	unit = strings.TrimSuffix(strings.ToLower(unit), "s")
	if _, ok := IntervalUnits[unit]; !ok && p.err == nil {
		p.failAt(unitAt, "write SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR", "%s is no unit of time", Shown(unit))
	}
	return p.call(at, "toInterval"+strings.ToUpper(unit[:min(1, len(unit))])+unit[min(1, len(unit)):], n)
}

// IntervalUnits are the units of intervals: so many seconds, or so many months.
var IntervalUnits = map[string]struct{ Seconds, Months int64 }{
	"second": {1, 0}, "minute": {60, 0}, "hour": {3600, 0}, "day": {86400, 0}, "week": {7 * 86400, 0}, "month": {0, 1}, "quarter": {0, 3}, "year": {0, 12},
}

func isWhole(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" && len(s) < 19 }

// cast reads CAST(x AS type) and CAST(x, 'type').
func (p *parser) cast() Expr {
	at := p.peek().at
	p.next += 2
	e := p.expr()
	var of Expr
	if p.accept("AS") {
		of = p.typeName()
	} else {
		p.need(",")
		of = p.expr()
	}
	p.need(")")
	return p.call(at, "CAST", e, of)
}
