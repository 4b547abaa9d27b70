// Package sql reads statements of ClickHouse's SQL: SELECT with WITH, FROM, JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT and FORMAT.
//
// [Parse] makes a [Select] of a text. It knows no functions and no columns: what they mean is for who plans the statement. Operators are
// calls of the functions that ClickHouse makes of them, such as plus and greaterOrEquals, so that an expression has four forms: a
// [Literal], an [Ident], a [Call] and a [Subquery].
//
// Whatever is wrong is an [*Error] with its place in the text. Depth and length are bounded, so that no text costs more than its length.
package sql
