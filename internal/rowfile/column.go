package rowfile

import (
	"strings"
	"unicode"
)

// Kind is what a column holds.
type Kind uint8

// The kinds.
const (
	Text Kind = iota
	Number
	Time
	Document // JSON, or a text that holds it
)

// Column is a column that a row may have.
type Column struct {
	Name string
	Kind Kind
	// Optional tells that a row may have no value there: it may be empty, null, or not a number where a file has no other way to say it.
	Optional bool
	// Sparse tells that a row is without the column where its file has no value; it is optional. A row has null in others.
	Sparse bool
}

// Predictions returns the columns of ml_model_predictions, in the order of a file that does not name them.
func Predictions() []Column {
	return []Column{
		{Name: "timestamp", Kind: Time},
		{Name: "model_id"},
		{Name: "prediction_id"},
		{Name: "features", Kind: Document},
		{Name: "predicted_value", Kind: Number},
		{Name: "actual_value", Kind: Number, Optional: true},
		{Name: "model_version"},
		{Name: "environment"},
	}
}

// Actuals returns the columns of ml_model_actuals. A file has no actual where nobody knows it yet, so that this withdraws none, as the
// null of JSON does.
func Actuals() []Column {
	return []Column{
		{Name: "model_id"},
		{Name: "prediction_id"},
		{Name: "actual_value", Kind: Number, Optional: true, Sparse: true},
		{Name: "timestamp", Kind: Time, Optional: true, Sparse: true},
		{Name: "model_version", Optional: true, Sparse: true},
		{Name: "environment", Optional: true, Sparse: true},
	}
}

// plainName is a name without what people and programs add to one: case, blanks around it, and blanks in the place of underscores.
func plainName(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' })
	return strings.ToLower(strings.Join(words, "_"))
}

// match returns for each name the column that it means, or nil; an error if two mean the same.
func match(names []string, columns []Column) ([]*Column, *Error) {
	matched := make([]*Column, len(names))
	first := make(map[*Column]string)
	for i, name := range names {
		plain := plainName(name)
		for k := range columns {
			c := &columns[k]
			if c.Name != plain {
				continue
			}
			if other, twice := first[c]; twice {
				return nil, errorf("the file has the column %s twice, as %s and %s; drop one", c.Name, shown(other), shown(name))
			}
			first[c], matched[i] = name, c
		}
	}
	return matched, nil
}

// named returns how many of the names mean a column.
func named(names []string, columns []Column) (n int) {
	for _, name := range names {
		plain := plainName(name)
		for i := range columns {
			if columns[i].Name == plain {
				n++
			}
		}
	}
	return n
}

// namesOf lists the names of columns.
func namesOf(columns []Column) string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].Name
	}
	return strings.Join(names, ", ")
}
