package files

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

// backlogMax is how many files are kept of a listing to be read, the oldest: with the names that people use, some 10 MB. The others are
// found by the next listing.
const backlogMax = 50_000

// backlog is the oldest of the files that are to be read. It is a heap, with the newest file first.
type backlog struct {
	files []object
	max   int
	// more is set when there were more than max.
	more  bool
	bytes int64 // of all files, those left out too
}

// order is that in which files are read.
func order(a, b object) int {
	return cmp.Or(a.modified.Compare(b.modified), strings.Compare(a.key, b.key))
}

// add adds a file, and leaves out the newest one where there are too many.
func (b *backlog) add(o object) {
	b.bytes += o.size
	switch {
	case len(b.files) < b.max:
		heap.Push(b, o)
		return
	case order(o, b.files[0]) < 0:
		b.files[0] = o
		heap.Fix(b, 0)
	}
	b.more = true
}

// take returns the files in the order in which they are read, and is empty then.
func (b *backlog) take() []object {
	files := b.files
	slices.SortFunc(files, order)
	b.files = nil
	return files
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (b *backlog) Len() int           { return len(b.files) }
func (b *backlog) Less(i, j int) bool { return order(b.files[i], b.files[j]) > 0 }
func (b *backlog) Swap(i, j int)      { b.files[i], b.files[j] = b.files[j], b.files[i] }
func (b *backlog) Push(o any)         { b.files = append(b.files, o.(object)) } //nolint:forcetypeassert // add pushes objects
func (b *backlog) Pop() any           { panic("BUG: files leave the backlog all at once") }
