package serve

import "strings"

// Build is what a program was built from: its version, and the commit, empty if nothing tells it.
type Build struct{ Version, Commit string }

// String is version and commit in one word.
func (b Build) String() string {
	if b.Commit == "" || strings.Contains(b.Version, strings.TrimSuffix(b.Commit, "+changes")) {
		return b.Version
	}
	return b.Version + " " + b.Commit
}
