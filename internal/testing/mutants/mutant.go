package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one deliberate bug.
type mutant struct {
	name string
	// file is the path of the file from the root of the module.
	file string
	// old is a piece of it that becomes fresh.
	old, fresh string
	// hint matches tests that are likely to find it; they go first.
	hint string
}

// apply returns the changed source.
func (m mutant) apply(root string) (string, error) {
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s: its text is %d times in %s; once is needed", m.name, n, m.file)
	}
	if m.old == m.fresh {
		return "", fmt.Errorf("%s: it changes nothing", m.name)
	}
	return strings.Replace(string(source), m.old, m.fresh, 1), nil
}

// packages are those whose tests must find it, the nearest first.
func (m mutant) packages() []string {
	switch dir, _, _ := strings.Cut(m.file, "/"); dir {
	case "wal":
		return []string{"./wal", "./engine"}
	case "engine", "segment":
		return []string{"./engine"}
	default:
		return []string{"./internal/vfs", "./wal", "./engine"}
	}
}
