package simdisk

import (
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
)

// ref names a file or a directory by its index in the tables of the disk. The zero ref is nothing.
type ref struct {
	kind refKind
	id   int32
}

type refKind uint8

const (
	refNone refKind = iota
	refFile
	refDir
)

func (r ref) identity() vfs.Identity {
	return vfs.Identity{Device: 1, Node: uint64(r.kind)<<32 | uint64(r.id)}
}

// entry is one name in a directory.
type entry struct {
	name string

	// states are what the name stood for since its directory was last synced: the first is what the drive has, the
	// last what the process sees, and a crash may leave any of them.
	states []ref
}

func (e entry) live() ref { return e.states[len(e.states)-1] }

// directory is the immutable state of a directory: its entries, sorted by name.
type directory []entry

func (d directory) find(name string) (int, bool) {
	return slices.BinarySearchFunc(d, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
}

// lookup returns what name stands for now.
func (d directory) lookup(name string) ref {
	if i, ok := d.find(name); ok {
		return d[i].live()
	}
	return ref{}
}

// with returns the directory in which name stands for r.
func (d directory) with(name string, r ref) directory {
	i, ok := d.find(name)
	if !ok {
		return slices.Concat(d[:i], directory{{name, []ref{{}, r}}}, d[i:])
	}
	next := slices.Clone(d)
	next[i].states = slices.Concat(d[i].states, []ref{r})
	return next
}

// settle returns the directory in which name stands for r, for certain.
func (d directory) settle(name string, r ref) directory {
	next := slices.DeleteFunc(slices.Clone(d), func(e entry) bool { return e.name == name })
	if i, _ := next.find(name); r.kind != refNone {
		next = slices.Insert(next, i, entry{name, []ref{r}})
	}
	return next
}

// settled reports whether a crash leaves the directory as it is.
func (d directory) settled() bool {
	return !slices.ContainsFunc(d, func(e entry) bool { return len(e.states) > 1 })
}

// choose returns the directory in which each name stands for the one of its states that c picks, for good.
func (d directory) choose(c Chooser) directory {
	if d.settled() {
		return d
	}
	next := make(directory, 0, len(d))
	for _, e := range d {
		r := e.states[0]
		if len(e.states) > 1 {
			r = e.states[c.Pick(len(e.states))]
		}
		if r.kind != refNone {
			next = append(next, entry{e.name, []ref{r}})
		}
	}
	return next
}

// syncFailed returns the directory as it is after a sync that failed and left nothing to be written by a later one: c
// picks what the drive has of each name. The process goes on seeing the newest.
func (d directory) syncFailed(c Chooser) directory {
	next := slices.Clone(d)
	for i, e := range next {
		if len(e.states) > 1 {
			next[i].states = []ref{e.states[c.Pick(len(e.states))], e.live()}
		}
	}
	return next
}

// names returns the names that stand for something now.
func (d directory) names() []string {
	names := make([]string, 0, len(d))
	for _, e := range d {
		if e.live().kind != refNone {
			names = append(names, e.name)
		}
	}
	return names
}
