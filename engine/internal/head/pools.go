package head

import (
	"sync"

	"github.com/residualdb/residual/segment"
)

// Pools is the memory of heads that are sealed, for leaves and texts to come. The system has given it already and what
// is in it needs not be cleared: of memory that is new, that costs as much as filling it.
//
// It may be all that heads have held. Two collections of garbage take what was not asked for between them.
//
// Who gives must be the last to know what is given, see [Head.Release].
type Pools struct {
	leaves, chunks, batches sync.Pool
}

// leaf returns an empty leaf with memory for all its rows.
func (s *Pools) leaf() *Leaf {
	if l, ok := s.leaves.Get().(*Leaf); ok {
		return l
	}
	return newLeaf()
}

// giveLeaf takes a leaf back, unless it has less memory than one needs.
func (s *Pools) giveLeaf(l *Leaf) {
	if cap(l.times) != leafRows || cap(l.predicted) != leafRows ||
		cap(l.actual) != leafRows || cap(l.text) != leafRows {
		return
	}
	*l = Leaf{times: l.times[:0], predicted: l.predicted[:0], actual: l.actual[:0], text: l.text[:0]}
	s.leaves.Put(l)
}

// chunk returns an empty chunk with memory for texts of about as many bytes as one like it has.
func (s *Pools) chunk(like *textChunk) *textChunk {
	if c, ok := s.chunks.Get().(*textChunk); ok && fits(&c.IDs, &like.IDs) && fits(&c.Features, &like.Features) {
		return c
	}
	return &textChunk{IDs: sizedLike(&like.IDs), Features: sizedLike(&like.Features)}
}

// fits tells whether t has memory for as much as another text, and not many times more.
func fits(t, like *segment.Text) bool {
	return cap(t.Bytes) >= len(like.Bytes) && cap(t.Bytes)/2 <= len(like.Bytes) && cap(t.Ends) >= copiedRows
}

// Batch returns memory for the texts of a batch.
func (s *Pools) Batch() *textChunk {
	if c, ok := s.batches.Get().(*textChunk); ok {
		return c
	}
	return new(textChunk)
}

// Drop takes a chunk back if nobody else holds it.
func (s *Pools) Drop(c *textChunk) {
	if c.Holders.Add(-1) > 0 {
		return
	}
	c.IDs.Reset()
	c.Features.Reset()
	if c.Batch {
		c.Batch = false
		s.batches.Put(c)
	} else {
		s.chunks.Put(c)
	}
}
