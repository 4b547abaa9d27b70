package sql

import "strings"

// Name is what ClickHouse calls the column of an expression that has no alias.
func Name(e Expr) string {
	if id, ok := e.(*Ident); ok {
		return id.Name
	}
	var b strings.Builder
	writeName(&b, e)
	return b.String()
}

func writeName(b *strings.Builder, e Expr) {
	switch e := e.(type) {
	case *Literal:
		switch e.Kind {
		case Null:
			b.WriteString("NULL")
		case True:
			b.WriteString("true")
		case False:
			b.WriteString("false")
		case Number:
			b.WriteString(e.Text)
		case Text:
			b.WriteString("'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(e.Text) + "'")
		}
	case *Ident:
		if e.Table != "" {
			b.WriteString(e.Table + ".")
		}
		b.WriteString(e.Name)
	case *Star:
		b.WriteByte('*')
	case *Subquery:
		b.WriteString("_subquery1")
	case *Call:
		b.WriteString(e.Name)
		if e.Params != nil {
			writeList(b, e.Params)
		}
		args := e.Args
		if e.Name == "in" && len(args) > 1 {
			b.WriteByte('(')
			writeName(b, args[0])
			b.WriteString(", ")
			writeList(b, args[1:])
			b.WriteByte(')')
			return
		}
		if e.Distinct {
			b.WriteString("(DISTINCT ")
			writeName(b, args[0])
			b.WriteByte(')')
			return
		}
		if len(args) == 1 && (e.Name == "and" || e.Name == "or") { // brackets
			if of, ok := args[0].(*Call); ok {
				args = of.Args
			}
		}
		writeList(b, args)
	}
}

func writeList(b *strings.Builder, list []Expr) {
	b.WriteByte('(')
	for i, x := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		writeName(b, x)
	}
	b.WriteByte(')')
}
