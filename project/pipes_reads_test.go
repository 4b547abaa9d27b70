package project_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/project"
)

// chain is pipes of which each reads the one before by two ways.
func chain(n int, statement string) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		text := "SELECT model_id, count() AS c FROM predictions GROUP BY model_id"
		if i > 0 {
			text = fmt.Sprintf(statement, i-1, i-1)
		}
		files[fmt.Sprintf("p%d.pipe", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "NODE e%d\nSQL >\n    %s\n\nTYPE endpoint\n", i, text)}
	}
	return files
}

// TestPipesThatReadEachOtherTwice are planned once each: the work grows with the pipes, and not with the ways between them, of which there
// are 2^100.
func TestPipesThatReadEachOtherTwice(t *testing.T) {
	for name, statement := range map[string]string{
		"a union":      "SELECT * FROM p%d UNION ALL SELECT * FROM p%d",
		"a statement":  "SELECT model_id, c FROM p%d WHERE c IN (SELECT c FROM p%d)",
		"another join": "SELECT a.model_id, a.c FROM p%d a JOIN p%d b ON a.model_id = b.model_id",
	} {
		p, problems, err := project.Load(chain(100, statement), nil)
		require.NoError(t, err)
		require.Empty(t, problems, name)
		require.Len(t, p.Pipes.Endpoints(), 100, name)
	}
	_, problems, err := project.Load(chain(300, "SELECT * FROM p%d UNION ALL SELECT * FROM p%d"), nil)
	require.NoError(t, err)
	require.Contains(t, problems.String(), "257 nodes, some by others; 256 are allowed")
}
