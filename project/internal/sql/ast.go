package sql

import "strings"

// Select is a statement.
type Select struct {
	At       int
	With     []With
	Distinct bool
	Items    []Item
	// From is nil for a statement without a table.
	From    *Source
	Joins   []Join
	Where   Expr
	GroupBy []Expr
	Having  Expr
	OrderBy []Order
	// Limit and Offset are nil where there are none.
	Limit, Offset Expr
	// Format is that of the outermost statement, empty without one.
	Format string
	// Union are further statements whose rows follow.
	Union []*Select
}

// With names a statement, or an expression.
type With struct {
	Name  string
	At    int
	Query *Select
	Expr  Expr
}

// Item is what makes a column of the answer.
type Item struct {
	Expr  Expr
	Alias string
}

// Source is a table by its name, or a statement in its place.
type Source struct {
	At          int
	Name, Alias string
	Query       *Select
}

// Join adds the columns of another table.
type Join struct {
	At int
	// Left keeps the rows that have no counterpart, Cross pairs all.
	Left, Cross bool
	Source      Source
	On          Expr
	Using       []string
}

// Order is one of the terms of an order.
type Order struct {
	Expr Expr
	Desc bool
	// NullsFirst puts NULL and what is not a number first.
	NullsFirst bool
}

// Expr is an expression.
type Expr interface {
	// Pos is where it begins in the text.
	Pos() int
}

// Literal is a constant.
type Literal struct {
	At   int
	Kind LiteralKind
	// Text is that of a string, or of a number as it is written.
	Text string
}

// LiteralKind is the kind of a literal.
type LiteralKind uint8

// The kinds of literals.
const (
	Null LiteralKind = iota
	Text
	Number
	True
	False
)

// Ident is the name of a column, with that of its table if it has one.
type Ident struct {
	At          int
	Table, Name string
}

// Star is * in a list of columns, or table.*.
type Star struct {
	At    int
	Table string
}

// Call is a call of a function, whose name is as it is written.
type Call struct {
	At   int
	Name string
	// Params are those of quantile(0.5)(x); nil for others.
	Params []Expr
	Args   []Expr
	// Distinct is set for count(DISTINCT x).
	Distinct bool
}

// Subquery is a statement in the place of a value.
type Subquery struct {
	At    int
	Query *Select
}

// Pos implements Expr.
func (e *Literal) Pos() int { return e.At }

// Pos implements Expr.
func (e *Ident) Pos() int { return e.At }

// Pos implements Expr.
func (e *Star) Pos() int { return e.At }

// Pos implements Expr.
func (e *Call) Pos() int { return e.At }

// Pos implements Expr.
func (e *Subquery) Pos() int { return e.At }

// Key is a text that two expressions have in common that are the same but for their places.
func Key(e Expr) string {
	var b strings.Builder
	writeKey(&b, e)
	return b.String()
}

func writeKey(b *strings.Builder, e Expr) {
	switch e := e.(type) {
	case *Literal:
		b.WriteByte('0' + byte(e.Kind))
		b.WriteString(Shown(e.Text))
		if len(e.Text) > shownMax {
			b.WriteString(e.Text)
		}
	case *Ident:
		b.WriteString(" " + e.Table + "." + e.Name + " ")
	case *Call:
		b.WriteString(strings.ToLower(e.Name))
		if e.Distinct {
			b.WriteByte('!')
		}
		for _, list := range [...][]Expr{e.Params, e.Args} {
			b.WriteByte('(')
			for _, x := range list {
				writeKey(b, x)
				b.WriteByte(',')
			}
			b.WriteByte(')')
		}
	case *Star:
		b.WriteByte('*')
	case *Subquery:
		b.WriteByte('?')
	}
}

// Walk calls do for an expression and, where do says so, for those that it is made of.
func Walk(e Expr, do func(Expr) bool) {
	if e == nil || !do(e) {
		return
	}
	if c, ok := e.(*Call); ok {
		for _, x := range c.Params {
			Walk(x, do)
		}
		for _, x := range c.Args {
			Walk(x, do)
		}
	}
}
