package rowfile

import "github.com/residualdb/residual/event"

// Mapped returns the columns of a file for a data source with a mapping: they are the members that a message has, by the first names of
// the paths. What a path looks for in a member is looked for in the column: in a struct, or in a text that holds a JSON object.
func Mapped(m *event.Mapping) []Column {
	of := Predictions()
	if m.Actuals {
		of = Actuals()
	}
	var columns []Column
	at := map[string]int{}
	for i := range m.Columns {
		mapped := &m.Columns[i]
		if len(mapped.Path) == 0 {
			continue
		}
		c := Column{Kind: Object}
		if len(mapped.Path) == 1 {
			c = *columnOf(mapped.Name, of)
			c.Epoch = mapped.Unit > 0
		}
		if c.Name = mapped.Path[0]; mapped.HasDefault || c.Kind == Object {
			c.Optional, c.Sparse = true, true
		}
		k, twice := at[c.Name]
		if !twice {
			at[c.Name] = len(columns)
			columns = append(columns, c)
			continue
		}
		// A member may be the features and have values of the row in it too.
		columns[k] = Column{Name: c.Name, Kind: Object, Optional: true, Sparse: true}
	}
	return columns
}
