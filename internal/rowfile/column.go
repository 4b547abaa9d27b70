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
	Object   // a JSON object with values of the row in it, or a text that holds one
)

// Column is a column that a row may have.
type Column struct {
	Name string
	Kind Kind
	// Epoch tells that a time may be a number too.
	Epoch bool
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
		c := columnOf(name, columns)
		if c == nil {
			continue
		}
		if other, twice := first[c]; twice {
			return nil, errorf("the file has the column %s twice, as %s and %s; drop one", c.Name, shown(other), shown(name))
		}
		first[c], matched[i] = name, c
	}
	return matched, nil
}

// columnOf returns the column that a name means: that of the very name, or of one that is plainly the same; nil if there is none.
func columnOf(name string, columns []Column) *Column {
	plain, found := plainName(name), (*Column)(nil)
	for i := range columns {
		switch c := &columns[i]; {
		case c.Name == name:
			return c
		case found == nil && plainName(c.Name) == plain:
			found = c
		}
	}
	return found
}

// named returns how many of the names mean a column.
func named(names []string, columns []Column) (n int) {
	for _, name := range names {
		if columnOf(name, columns) != nil {
			n++
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
