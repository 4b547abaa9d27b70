package engine

import (
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/query"
)

// Columns is a set of the columns that name a series.
type Columns uint8

// The columns.
const (
	ModelColumn Columns = 1 << iota
	VersionColumn
	EnvironmentColumn
	allColumns = ModelColumn | VersionColumn | EnvironmentColumn
)

// ParseGroupBy reads the columns that make rows of an answer, with commas between their names, and returns those that
// are left: what a query is to add up across. No columns make one row of everything.
func ParseGroupBy(names string) (across Columns, err error) {
	across = allColumns
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name == "" && strings.TrimSpace(names) == "" {
			break
		}
		i := slices.Index(query.ColumnNames[:], name)
		if i < 0 {
			return 0, queryError("%q is not a column to group by: these are model_id, model_version and environment", name)
		}
		across &^= 1 << i
	}
	return across, nil
}
