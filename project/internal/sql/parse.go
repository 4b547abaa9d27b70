package sql

import (
	"slices"
	"strings"
)

const (
	// BytesMax bounds a statement.
	BytesMax = 32 << 10
	// DepthMax bounds how deep statements and expressions nest.
	DepthMax = 64
	// nodesMax bounds the expressions of a statement.
	nodesMax = 2_000
)

// Parse reads a statement.
func Parse(statement string) (*Select, error) {
	if len(statement) > BytesMax {
		return nil, Errorf(0, "", "the statement has %d bytes; %d are allowed", len(statement), BytesMax)
	}
	list, err := tokens(statement)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: list}
	s := p.statement()
	if p.accept("FORMAT") {
		if s.Format = p.peek().text; p.peek().kind != word {
			p.fail("", "a FORMAT has a name, such as JSON")
		}
		p.next++
	}
	if p.sign(";") && p.peek().kind != end {
		p.fail("send them one by one", "there is a second statement")
	}
	if p.peek().kind != end {
		p.unexpected("a clause of the statement, or its end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return s, nil
}

// parser reads tokens. The first error is kept, and moves it to the end.
type parser struct {
	tokens []token
	next   int
	depth  int
	nodes  int
	err    *Error
}

func (p *parser) peek() *token { return &p.tokens[p.next] }

// after is the token behind the next one.
func (p *parser) after() *token { return &p.tokens[min(p.next+1, len(p.tokens)-1)] }

// failAt keeps the first error.
func (p *parser) failAt(at int, advice, format string, args ...any) {
	if p.err == nil {
		p.err = Errorf(at, advice, format, args...)
	}
	p.next = len(p.tokens) - 1
}

func (p *parser) fail(advice, format string, args ...any) {
	p.failAt(p.peek().at, advice, format, args...)
}

// unexpected is the error of what is not as it should be.
func (p *parser) unexpected(wanted string) {
	if t := p.peek(); t.kind == end {
		p.fail("", "the statement ends where %s should be", wanted)
	} else {
		p.fail("", "%s stands where %s should be", Shown(t.text), wanted)
	}
}

// accept takes words if they come next.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if p.next+i >= len(p.tokens) || !p.tokens[p.next+i].is(w) {
			return false
		}
	}
	p.next += len(words)
	return true
}

// sign takes a symbol if it comes next.
func (p *parser) sign(s string) bool {
	if !p.peek().sign(s) {
		return false
	}
	p.next++
	return true
}

// need takes a symbol, which must come next.
func (p *parser) need(s string) {
	if !p.sign(s) {
		p.unexpected(s)
	}
}

// deeper tells whether one may nest once more; each that may is followed by shallower.
func (p *parser) deeper() bool {
	if p.depth++; p.depth > DepthMax {
		p.fail("", "the statement nests deeper than %d", DepthMax)
		return false
	}
	return true
}

func (p *parser) shallower() { p.depth-- }

// statement reads SELECT and those that UNION ALL adds.
func (p *parser) statement() *Select {
	s := p.single()
	for p.accept("UNION") {
		if !p.accept("ALL") {
			p.fail("write UNION ALL", "UNION is understood as UNION ALL alone")
		}
		s.Union = append(s.Union, p.single())
	}
	for _, w := range [...]string{"INTERSECT", "EXCEPT", "SETTINGS", "INTO"} {
		if p.peek().is(w) {
			p.fail("leave it out", "%s is not understood", w)
		}
	}
	return s
}

// single reads one SELECT.
func (p *parser) single() *Select {
	s := &Select{At: p.peek().at}
	if !p.deeper() {
		return s
	}
	defer p.shallower()
	if p.peek().sign("(") { // (SELECT …)
		p.next++
		s = p.statement()
		p.need(")")
		return s
	}
	if p.accept("WITH") {
		p.with(s)
	}
	if !p.accept("SELECT") {
		if t := p.peek(); t.kind == word && slices.Contains(writing, strings.ToUpper(t.text)) {
			p.fail("events come by POST /v0/events and rows go by POST /v0/datasources/<name>/delete", "%s is refused: SQL only reads here", strings.ToUpper(t.text))
			return s
		}
		p.unexpected("SELECT")
		return s
	}
	s.Distinct = p.accept("DISTINCT")
	p.items(s)
	if p.accept("FROM") {
		p.from(s)
	}
	if p.peek().is("PREWHERE") {
		p.fail("write WHERE", "PREWHERE is not understood")
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	p.groups(s)
	if p.accept("ORDER", "BY") {
		p.order(s)
	}
	p.limit(s)
	return s
}

// writing are the statements that would change something, or are about the server.
var writing = []string{
	"INSERT", "UPDATE", "DELETE", "ALTER", "CREATE", "DROP", "TRUNCATE", "ATTACH", "DETACH", "RENAME", "OPTIMIZE", "GRANT", "REVOKE", "KILL", "SYSTEM", "SET", "USE",
	"EXCHANGE", "MOVE", "UNDROP", "BACKUP", "RESTORE",
}

// with reads the names that WITH gives: name AS (SELECT …), or expression AS name.
func (p *parser) with(s *Select) {
	for {
		w := With{At: p.peek().at}
		if t := p.peek(); (t.kind == word || t.kind == quotedWord) && p.after().is("AS") && p.next+2 < len(p.tokens) && p.tokens[p.next+2].sign("(") && p.selects(p.next+3) {
			w.Name = t.text
			p.next += 3
			w.Query = p.statement()
			p.need(")")
		} else {
			w.Expr = p.expr()
			if !p.accept("AS") {
				p.unexpected("AS and a name")
			}
			w.Name = p.name("a name")
		}
		if s.With = append(s.With, w); !p.sign(",") {
			return
		}
	}
}

// selects tells whether a statement begins at a token.
func (p *parser) selects(at int) bool {
	for at < len(p.tokens) && p.tokens[at].sign("(") {
		at++
	}
	return at < len(p.tokens) && (p.tokens[at].is("SELECT") || p.tokens[at].is("WITH"))
}

// name takes a name.
func (p *parser) name(what string) string {
	t := p.peek()
	if t.kind != quotedWord && (t.kind != word || reserved[strings.ToUpper(t.text)]) {
		p.unexpected(what)
		return ""
	}
	p.next++
	return t.text
}

// reserved are the words that are no names where a name may be left out.
var reserved = map[string]bool{}

func init() {
	for w := range strings.FieldsSeq(`SELECT FROM WHERE GROUP HAVING ORDER LIMIT OFFSET FORMAT UNION WITH ON USING JOIN LEFT RIGHT INNER FULL CROSS OUTER ANY ALL ASOF SEMI ANTI GLOBAL
		AS AND OR NOT IN BETWEEN LIKE ILIKE IS THEN ELSE WHEN END ASC DESC NULLS PREWHERE QUALIFY WINDOW SETTINGS INTERSECT EXCEPT FINAL SAMPLE ARRAY INTERVAL BY CASE DISTINCT INTO DIV MOD`) {
		reserved[w] = true
	}
}

// items reads the list of a SELECT.
func (p *parser) items(s *Select) {
	for {
		item := Item{Expr: p.itemExpr()}
		if p.accept("AS") {
			item.Alias = p.name("a name for the column")
		} else if t := p.peek(); t.kind == quotedWord || t.kind == word && !reserved[strings.ToUpper(t.text)] {
			item.Alias = p.name("a name for the column")
		}
		if s.Items = append(s.Items, item); !p.sign(",") || p.peek().is("FROM") {
			return
		}
	}
}

// itemExpr reads an expression, or *.
func (p *parser) itemExpr() Expr {
	t := p.peek()
	switch {
	case t.sign("*"):
		p.next++
		return &Star{At: t.at}
	case (t.kind == word || t.kind == quotedWord) && p.after().sign(".") && p.next+2 < len(p.tokens) && p.tokens[p.next+2].sign("*"):
		p.next += 3
		return &Star{At: t.at, Table: t.text}
	}
	return p.expr()
}

// from reads tables and joins.
func (p *parser) from(s *Select) {
	source := p.source()
	s.From = &source
	for {
		j := Join{At: p.peek().at}
		switch {
		case p.sign(","):
			j.Cross = true
		case p.peek().is("ARRAY"):
			p.fail("", "ARRAY JOIN is not understood")
			return
		case p.accept("CROSS", "JOIN"):
			j.Cross = true
		case p.accept("LEFT", "JOIN"), p.accept("LEFT", "OUTER", "JOIN"):
			j.Left = true
		case p.accept("JOIN"), p.accept("INNER", "JOIN"):
		default:
			for _, w := range [...]string{"RIGHT", "FULL", "ANY", "ASOF", "GLOBAL", "SEMI", "ANTI", "ALL", "LEFT", "INNER"} {
				if p.peek().is(w) {
					p.fail("write LEFT JOIN or INNER JOIN", "this join is not understood")
				}
			}
			for _, w := range [...]string{"FINAL", "SAMPLE"} {
				if p.peek().is(w) {
					p.fail("leave it out: each row counts once", "%s is not understood", w)
				}
			}
			return
		}
		j.Source = p.source()
		switch {
		case j.Cross:
		case p.accept("ON"):
			j.On = p.expr()
		case p.accept("USING"):
			bracket := p.sign("(")
			for {
				if j.Using = append(j.Using, p.name("a column")); !p.sign(",") {
					break
				}
			}
			if bracket {
				p.need(")")
			}
		default:
			p.unexpected("ON or USING")
		}
		if s.Joins = append(s.Joins, j); p.err != nil {
			return
		}
	}
}

// source reads a table or a statement, with its alias.
func (p *parser) source() Source {
	s := Source{At: p.peek().at}
	if p.sign("(") {
		s.Query = p.statement()
		p.need(")")
	} else {
		s.Name = p.name("a table")
		if p.sign(".") {
			s.Name += "." + p.name("a table")
		}
		if p.peek().sign("(") {
			p.failAt(s.At, "", "the table function %s is not understood", Shown(s.Name))
		}
	}
	if p.accept("AS") {
		s.Alias = p.name("a name for the table")
	} else if t := p.peek(); t.kind == quotedWord || t.kind == word && !reserved[strings.ToUpper(t.text)] {
		s.Alias = p.name("a name for the table")
	}
	return s
}

// groups reads GROUP BY and HAVING.
func (p *parser) groups(s *Select) {
	if p.accept("GROUP", "BY") {
		if p.peek().is("ALL") || (p.peek().is("ROLLUP") || p.peek().is("CUBE") || p.peek().is("GROUPING")) {
			p.fail("list the columns", "this GROUP BY is not understood")
		}
		for {
			if s.GroupBy = append(s.GroupBy, p.expr()); !p.sign(",") {
				break
			}
		}
		if p.peek().is("WITH") {
			p.fail("leave it out", "totals, rollups and cubes are not understood")
		}
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	for _, w := range [...]string{"QUALIFY", "WINDOW"} {
		if p.peek().is(w) {
			p.fail("", "window functions are not understood")
		}
	}
}

// order reads the terms of ORDER BY.
func (p *parser) order(s *Select) {
	for {
		o := Order{Expr: p.expr()}
		if p.accept("DESC") || p.accept("DESCENDING") {
			o.Desc = true
		} else if !p.accept("ASC") {
			p.accept("ASCENDING")
		}
		if p.accept("NULLS", "FIRST") {
			o.NullsFirst = true
		} else {
			p.accept("NULLS", "LAST")
		}
		if p.peek().is("WITH") || p.peek().is("COLLATE") {
			p.fail("leave it out", "%s is not understood behind ORDER BY", strings.ToUpper(p.peek().text))
		}
		if s.OrderBy = append(s.OrderBy, o); !p.sign(",") {
			return
		}
	}
}

// limit reads LIMIT n, LIMIT n OFFSET m, LIMIT m, n and OFFSET m.
func (p *parser) limit(s *Select) {
	if p.accept("LIMIT") {
		s.Limit = p.expr()
		if p.sign(",") {
			s.Offset, s.Limit = s.Limit, p.expr()
		}
		if p.peek().is("BY") || p.peek().is("WITH") {
			p.fail("write LIMIT and a number", "this LIMIT is not understood")
		}
	}
	if p.accept("OFFSET") {
		s.Offset = p.expr()
		if !p.accept("ROWS") {
			p.accept("ROW")
		}
	}
	if p.peek().is("LIMIT") {
		p.fail("write LIMIT and a number", "this LIMIT is not understood")
	}
	if p.peek().is("FETCH") {
		p.fail("write LIMIT", "FETCH is not understood")
	}
}
