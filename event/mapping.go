package event

import (
	"slices"
	"time"
)

// Mapping says where in the JSON of a message the columns of a data source are, for senders whose messages are of a shape of their
// own. The zero Mapping is that of ml_model_predictions: each column is the member of its name.
type Mapping struct {
	// Actuals is set for the columns of ml_model_actuals.
	Actuals bool
	// Columns are those that messages have. Others are absent.
	Columns []MappedColumn
}

// MappedColumn is a column and where its value is.
type MappedColumn struct {
	// Name is that of the column: one of [Mapping.ColumnNames].
	Name string
	// Path leads to the value, member by member; empty for the whole message.
	Path []string
	// Default stands for a value that is absent or null, where HasDefault is set: a text, or a number as JSON writes it.
	Default    string
	HasDefault bool
	// Unit is set for a timestamp that is a number: the time since 1970 in units of it. Texts are taken as well.
	Unit time.Duration
	// Integer is set for a text that messages have as an integer: its digits are the text.
	Integer bool
}

// ColumnNames are the columns that a mapping may have, and those of them that it must have.
func (m *Mapping) ColumnNames() (all, required []string) {
	s := predictionsSchema()
	if m.Actuals {
		s = actualsSchema()
	}
	for c := range colNone {
		if s.known&c.bit() != 0 {
			all = append(all, c.String())
		}
		if s.required&c.bit() != 0 {
			required = append(required, c.String())
		}
	}
	return all, required
}

// Column returns the mapped column of a name; nil if there is none.
func (m *Mapping) Column(name string) *MappedColumn {
	i := slices.IndexFunc(m.Columns, func(c MappedColumn) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Columns[i]
}
