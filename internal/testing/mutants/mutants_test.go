package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutantsApply holds the table to the code: each mutant changes exactly one place, and is Go.
func TestMutantsApply(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, m := range all() {
		t.Run(m.name, func(t *testing.T) {
			require.False(t, names[m.name], "two mutants of one name")
			names[m.name] = true
			source, err := m.apply(root)
			require.NoError(t, err)
			_, err = parser.ParseFile(token.NewFileSet(), m.file, source, parser.SkipObjectResolution)
			require.NoError(t, err)
		})
	}
	require.GreaterOrEqual(t, len(names), 30)
}
