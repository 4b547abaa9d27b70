package dashboard

import (
	"bytes"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBareHasTheCodeAlone(t *testing.T) {
	source := "// What it is.\n\n/** @param {number} a */\nexport const f = (/** @type {number} */ a) =>\n  a / 2; // half\n/**\n * Says\n * more: f() {\n */\n/** @type {any} */ (g)(`//` + \"/*\");\n\t/* plain */\n"
	want := "export const f = (/** @type {number} */ a) =>\na / 2; // half\n/** @type {any} */ (g)(`//` + \"/*\");\n"
	require.Equal(t, want, string(bare([]byte(source))))
}

// TestNoTextGoesOverALine holds what bare rests on: a text or comment that begins on a line and is no comment from the line's start ends on it.
func TestNoTextGoesOverALine(t *testing.T) {
	entries, err := static.ReadDir("static")
	require.NoError(t, err)
	for _, entry := range entries {
		if path.Ext(entry.Name()) != ".js" {
			continue
		}
		source, err := static.ReadFile("static/" + entry.Name())
		require.NoError(t, err)
		for line := range bytes.Lines(bare(source)) {
			require.Zero(t, bytes.Count(line, []byte("`"))%2, "%s: a template goes on after: %s", entry.Name(), line)
			require.Equal(t, bytes.Count(line, []byte("/*")), bytes.Count(line, []byte("*/")), "%s: a comment goes on after: %s", entry.Name(), line)
		}
	}
}
