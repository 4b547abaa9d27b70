package main

import (
	"path"
	"slices"
)

// mutant is one deliberate bug.
type mutant struct {
	name string
	// in is the folder whose files, or those of a folder below, hold the piece, and function the function or method around
	// it, which is given where the piece alone stands more than once.
	in, function string
	// old is the piece, which becomes fresh.
	old, fresh string
	// hint matches tests that are likely to find it; they go first.
	hint string
}

func (m mutant) where() string {
	if m.function == "" {
		return m.in
	}
	return m.function + " of " + m.in
}

// packages are those whose tests must find a mutant of that file, the nearest first.
func (m mutant) packages(file string) []string {
	room := []string{m.in}
	switch m.in {
	case "wal":
		room = []string{"wal", "engine"}
	case "segment":
		room = []string{"segment", "engine"}
	case "internal/vfs":
		room = []string{"internal/vfs", "wal", "engine"}
	}
	own := path.Dir(file)
	return append([]string{own}, slices.DeleteFunc(room, func(p string) bool { return p == own })...)
}
