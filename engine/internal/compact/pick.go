package compact

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/catalog"
)

// mergeFanIn is the number of segments of similar size that are worth one rewrite: each row is rewritten about log4 of its
// month's number of checkpoints times.
const mergeFanIn = 4

// Pick returns the segments of a month worth merging: all of a settled month, else the smallest ones as long as none is larger
// than those before it together. Segments that only the log backs are left to the checkpoint. The caller holds the model's lock.
func Pick(mo *catalog.Month, settled bool) []*catalog.Segment {
	var saved []*catalog.Segment
	for _, sg := range mo.Segments {
		if sg.Source.InPack() {
			saved = append(saved, sg)
		}
	}
	if settled && len(saved) > 1 {
		return saved
	}
	slices.SortStableFunc(saved, func(a, b *catalog.Segment) int { return cmp.Compare(a.Rows, b.Rows) })
	rows := uint64(0)
	for i, sg := range saved {
		if i >= 2 && sg.Rows > rows {
			saved = saved[:i]
			break
		}
		rows += sg.Rows
	}
	if len(saved) < mergeFanIn {
		return nil
	}
	return saved
}

// PickEdited returns the segments of a month that become one, without edits, where any of those of epochs up to last has some;
// else nil.
func PickEdited(of catalog.ModelMonth, last uint64) (picked []*catalog.Segment) {
	of.Model.Mu.RLock()
	defer of.Model.Mu.RUnlock()
	edited := false
	for _, sg := range of.Month.Segments {
		if sg.Epoch <= last {
			picked = append(picked, sg)
			edited = edited || sg.Edited()
		}
	}
	if !edited {
		return nil
	}
	return picked
}
