package dashboard

import (
	"bytes"
	"path"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBareHasTheCodeAlone(t *testing.T) {
	source := "// What it is.\n\n/** @param {number} a */\nexport const f = (/** @type {number} */ a) =>\n  a / 2; // half\n/**\n * Says\n * more: f() {\n */\n/** @type {any} */ (g)(`//` + \"/*\");\n\t/* plain */\n"
	want := "export const f = (a) =>\na / 2; // half\n(g)(`//` + \"/*\");\n"
	require.Equal(t, want, string(bare([]byte(source))))
}

func TestBareSheetMeansTheSame(t *testing.T) {
	source := "/* Frame. */\n.a, .b > :not(.c) {\n  margin: 0 calc(1rem - 2px); color: var(--x);\n}\n@media (max-width: 9px) { .a :is(b) { content: \" x\"; } }\n"
	require.Equal(t, `.a,.b > :not(.c){margin:0 calc(1rem - 2px);color:var(--x);}@media (max-width:9px){.a :is(b){content:" x";}}`, string(bareSheet([]byte(source))))
	for _, sheet := range sheets {
		source, err := static.ReadFile("static/" + sheet)
		require.NoError(t, err)
		for _, text := range regexp.MustCompile(`"[^"\n]*"`).FindAllString(string(source), -1) {
			require.NotRegexp(t, `[{};,]|: `, text, sheet)
		}
	}
}

// TestNoTextGoesOverALine holds what bare rests on: a text or comment that begins on a line and is no comment from the line's start ends on it,
// and no text has what looks like a comment in it.
func TestNoTextGoesOverALine(t *testing.T) {
	entries, err := static.ReadDir("static")
	require.NoError(t, err)
	for _, entry := range entries {
		if path.Ext(entry.Name()) != ".js" {
			continue
		}
		source, err := static.ReadFile("static/" + entry.Name())
		require.NoError(t, err)
		for line := range bytes.Lines(source) {
			line = bytes.TrimSpace(line)
			if bytes.HasPrefix(line, []byte("/*")) || bytes.HasPrefix(line, []byte("*")) || bytes.HasPrefix(line, []byte("//")) {
				continue
			}
			code := types.ReplaceAll(line, nil)
			for _, quote := range []string{"`", `"`} {
				require.Zero(t, bytes.Count(code, []byte(quote))%2, "%s: a text goes on after: %s", entry.Name(), line)
				for rest := line; len(rest) > 0; {
					before, after, _ := bytes.Cut(rest, []byte("/**"))
					require.Zero(t, bytes.Count(before, []byte(quote))%2, "%s: a comment is in a text: %s", entry.Name(), line)
					_, rest, _ = bytes.Cut(after, []byte("*/"))
				}
			}
			require.Equal(t, bytes.Count(code, []byte("/*")), bytes.Count(code, []byte("*/")), "%s: a comment goes on after: %s", entry.Name(), line)
		}
	}
}
