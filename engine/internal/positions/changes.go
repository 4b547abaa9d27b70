package positions

import (
	"bytes"
	"cmp"
)

// cursor goes through the entries of leaves.
type cursor struct {
	leaves []leaf // from that of the entry on
	at     int    // where the entry begins
}

// leaf returns the leaf that the cursor is at the beginning of, nil if it is inside of one or at the end.
func (c *cursor) leaf() leaf {
	if c.at > 0 || len(c.leaves) == 0 {
		return nil
	}
	return c.leaves[0]
}

func (c *cursor) over() bool { return len(c.leaves) == 0 }

func (c *cursor) entry() entry { return readEntry(c.leaves[0][c.at:]) }

// pass goes on behind an entry, which is that of the cursor.
func (c *cursor) pass(e *entry) {
	if c.at += len(e.whole); c.at == len(c.leaves[0]) {
		c.leaves, c.at = c.leaves[1:], 0
	}
}

// Since yields what has changed since an earlier snapshot of the same memory, as entries of a list, which are valid until the next
// one: the new position of each part, and one without a value for those that were forgotten. Since the empty snapshot that is
// everything. Leaves that both have are passed by.
func (s *Snapshot) Since(earlier Snapshot) func(yield func(entry []byte) bool) {
	return func(yield func(entry []byte) bool) {
		was, is := cursor{leaves: earlier.leaves}, cursor{leaves: s.leaves}
		var forgotten []byte
		for !was.over() || !is.over() {
			if a, b := was.leaf(), is.leaf(); len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] {
				was.leaves, is.leaves = was.leaves[1:], is.leaves[1:]
				continue
			}
			order := 1
			var old, fresh entry
			if is.over() {
				order = -1
			} else {
				fresh = is.entry()
			}
			if !was.over() {
				if old = was.entry(); order > 0 {
					order = cmp.Or(bytes.Compare(old.source, fresh.source), bytes.Compare(old.part, fresh.part))
				}
			}
			change := fresh.whole
			switch {
			case order < 0:
				forgotten = appendEntry(forgotten[:0], &Position{Source: string(old.source), Part: string(old.part)})
				change = forgotten
				was.pass(&old)
			case order > 0:
				is.pass(&fresh)
			default:
				if bytes.Equal(old.value, fresh.value) {
					change = nil
				}
				was.pass(&old)
				is.pass(&fresh)
			}
			if change != nil && !yield(change) {
				return
			}
		}
	}
}
