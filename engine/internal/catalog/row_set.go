package catalog

import (
	"github.com/residualdb/residual/engine/internal/base"
)

// RowSet says which rows of a model are meant: those of some versions, environments and prediction ids in a window. A set of
// names that is nil has all of them. It never changes.
type RowSet struct {
	Versions, Environments, IDs map[string]bool
	Window                      base.Span
}

// HasSeries tells whether rows of a series are meant.
func (r *RowSet) HasSeries(s SeriesName) bool {
	return (r.Versions == nil || r.Versions[s.Version]) && (r.Environments == nil || r.Environments[s.Environment])
}

// HasTimes tells whether all times from first to last are meant.
func (r *RowSet) HasTimes(first, last int64) bool {
	return first >= r.Window.From && last < r.Window.To
}

// IsOfAll tells whether all rows that a model has with one of the ids are meant, and those that it will ever have.
func (r *RowSet) IsOfAll() bool {
	return r.Versions == nil && r.Environments == nil && r.Window == base.Span{From: base.MinMilli, To: base.MaxMilli}
}
