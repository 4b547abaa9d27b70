package compact

import (
	"fmt"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// Rewrite is a month of which some segments become one segment of a new pack: those that no pack has, those with edits, or
// those that are worth a merge. [Compactor.Rewrite] begins it, and [Compactor.Install] or [Rewrite.Abandon] ends it.
type Rewrite struct {
	catalog.ModelMonth
	// Old are the segments, without those that have gone before the rewrite began.
	Old []*catalog.Segment
	// Entry is the place of the new segment in its pack, -1 if none of its rows is left.
	Entry int

	// merged is the new segment, and index that of its ids where rows are looked for by them. It is nil where the only old
	// segment stays as it is and just gets a place on disk.
	merged *store.Source
	index  *segment.IDIndex
}

// Rewrite returns the bytes of the segment that takes the place of the old ones; none if no row is left.
func (c *Compactor) Rewrite(r *Rewrite) ([]byte, error) {
	segments, err := r.begin()
	if err != nil {
		return nil, err
	}
	if len(r.Old) == 0 {
		return nil, nil
	}
	if segments == nil {
		return r.Old[0].Source.Whole()
	}
	c.builder.Reset(meta(r.ModelMonth))
	if err := segment.Merge(c.builder, segments, &c.scratch); err != nil {
		return nil, base.SegmentError(err)
	}
	bytes := c.builder.Finish(nil)
	if c.builder.Empty() {
		return nil, nil
	}
	r.merged, r.index, err = c.source(r.Model, bytes)
	return bytes, err
}

// begin returns the old segments as they are now; edits from here on are noted in MergeRedo. There are none to merge where
// a single one has neither edits nor a place on disk.
func (r *Rewrite) begin() (segments []*segment.Segment, err error) {
	r.Model.Mu.Lock()
	defer r.Model.Mu.Unlock()
	r.Old = slices.DeleteFunc(r.Old, func(sg *catalog.Segment) bool { return sg.Dropped })
	if len(r.Old) == 0 {
		return nil, nil
	}
	if len(r.Old) == 1 && !r.Old[0].Edited() && !r.Old[0].Source.InPack() {
		return nil, nil
	}
	r.Month.MergeRedo = new(catalog.Redo)
	for _, old := range r.Old {
		seg, err := old.Snapshot()
		if err != nil {
			return nil, err
		}
		segments = append(segments, seg)
	}
	return segments, nil
}

// Evict lets go of the memory of the new segment, which its pack has by now.
func (r *Rewrite) Evict() {
	if r.merged != nil && !r.merged.Small() {
		r.merged.Resident.Store(nil)
	}
}

// Abandon ends a rewrite whose pack will not be committed.
func (r *Rewrite) Abandon() {
	r.Model.Mu.Lock()
	defer r.Model.Mu.Unlock()
	r.Month.MergeRedo = nil
}

// Install puts the new segment, which a manifest names in pack p, in the place of the old ones, for queries from here on. It
// returns the new segment if a deletion that came meanwhile has dropped it.
func (c *Compactor) Install(r *Rewrite, p *store.Pack) (dropped *catalog.Segment, err error) {
	m, mo := r.Model, r.Month
	m.Mu.Lock()
	defer m.Mu.Unlock()
	redo := mo.MergeRedo
	mo.MergeRedo = nil
	place := &store.Place{Pack: p, Entry: r.Entry}
	if r.merged == nil && r.Entry >= 0 {
		r.Old[0].Source.Place.Store(place)
		return nil, nil
	}
	mo.Segments = slices.DeleteFunc(slices.Clone(mo.Segments), func(s *catalog.Segment) bool { return slices.Contains(r.Old, s) })
	if r.merged == nil {
		return nil, nil
	}
	r.merged.Place.Store(place)
	epoch := uint64(0)
	for _, old := range r.Old {
		epoch = max(epoch, old.Epoch)
	}
	sg, err := catalog.NewSegment(m, r.merged, epoch, &c.scratch)
	if err != nil {
		return nil, fmt.Errorf("open what was just written: %w", err)
	}
	sg.Index.Store(r.index)
	mo.Segments = append(mo.Segments, sg)
	if err := redo.Apply(r.ModelMonth, sg, &c.scratch); err != nil || !sg.Dropped {
		return nil, err
	}
	return sg, nil
}
