package publish

import (
	"github.com/residualdb/residual/engine/internal/base"
)

// Purge says of which models and times rows were deleted, at most: what the files have of them is to go. The zero Purge is of none.
type Purge struct {
	all    base.Span
	models map[string]base.Span
}

// Add adds what a deletion means.
func (p *Purge) Add(a *Aim) {
	if len(a.Models) == 0 {
		p.all = union(p.all, a.Window)
		return
	}
	if p.models == nil {
		p.models = make(map[string]base.Span)
	}
	for _, model := range a.Models {
		p.models[model] = union(p.models[model], a.Window)
	}
}

// Merge adds what another one has.
func (p *Purge) Merge(o *Purge) {
	p.all = union(p.all, o.all)
	for model, w := range o.models {
		if p.models == nil {
			p.models = make(map[string]base.Span)
		}
		p.models[model] = union(p.models[model], w)
	}
}

// Empty tells whether nothing was deleted.
func (p *Purge) Empty() bool { return p.all.Empty() && len(p.models) == 0 }

// Touches tells whether rows of a model may have been deleted in a month.
func (p *Purge) Touches(model string, month base.MonthNumber) bool {
	w := month.Span()
	return p.all.Overlaps(w) || p.models[model].Overlaps(w)
}

// union returns the least span that has both.
func union(a, b base.Span) base.Span {
	if a.Empty() {
		return b
	}
	if b.Empty() {
		return a
	}
	return base.Span{From: min(a.From, b.From), To: max(a.To, b.To)}
}
