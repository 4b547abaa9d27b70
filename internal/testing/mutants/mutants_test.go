package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutantsApply holds the table to the code: each mutant changes exactly one place, is Go, and its hint is a test.
func TestMutantsApply(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	names, rooms := make(map[string]bool), make(map[string][]file)
	for _, m := range all() {
		t.Run(m.name, func(t *testing.T) {
			require.False(t, names[m.name], "two mutants of one name")
			names[m.name] = true
			if rooms[m.in] == nil {
				rooms[m.in], err = readFiles(root, m.in)
				require.NoError(t, err)
			}
			changed, err := m.apply(rooms[m.in])
			require.NoError(t, err)
			_, err = parser.ParseFile(token.NewFileSet(), changed.path, changed.source, parser.SkipObjectResolution)
			require.NoError(t, err)
			hinted := func(pkg string) bool { return hasTest(root, pkg, m.hint) }
			require.True(t, slices.ContainsFunc(m.packages(changed.path), hinted), "no test of the name %s", m.hint)
		})
	}
	require.GreaterOrEqual(t, len(names), 90)
}

// TestMoved is about a piece whose function went to a package below, where its identifiers begin with capitals.
func TestMoved(t *testing.T) {
	const source = `package store

import "github.com/residualdb/residual/engine/internal/base"

func (s *Store) Other() { s.SetLag(1, base.LagMax) }

func (s *Store) Save() error {
	s.SetLag(1, base.LagMax) // always
	return s.fail(nil)
}
`
	name := filepath.Join(t.TempDir(), "save.go")
	require.NoError(t, os.WriteFile(name, []byte(source), 0o600))
	f, err := readFile(filepath.Dir(name), name)
	require.NoError(t, err)
	m := mutant{name: "lag", in: "engine", old: "s.setLag(1, lagMax)\nreturn", fresh: "s.setLag(2, lagMax)\n\ts.fail(nil)\n\treturn"}
	changed, err := m.apply([]file{f})
	require.NoError(t, err)
	require.Contains(t, changed.source, "\ts.SetLag(2, base.LagMax)\n\ts.fail(nil)\n\treturn s.fail(nil)\n")

	m.old = "s.setLag(1, lagMax)"
	_, err = m.apply([]file{f})
	require.ErrorContains(t, err, "stands 2 times")
	m.function = "save"
	_, err = m.apply([]file{f})
	require.NoError(t, err)
}
