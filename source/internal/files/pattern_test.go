package files

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	f := func(text string, yes, no []string) {
		t.Helper()
		p := newPattern(text)
		for _, name := range yes {
			require.True(t, p.matches(name), "%s means %s", text, name)
		}
		for _, name := range no {
			require.False(t, p.matches(name), "%s does not mean %s", text, name)
		}
	}
	f("in/*.csv", []string{"in/a.csv", "in/.csv"}, []string{"in/a/b.csv", "in/a.csv.gz", "xin/a.csv", "in/"})
	f("in/**/*.csv", []string{"in/a.csv", "in/b/a.csv", "in/b/c/a.csv"}, []string{"in/a.tsv", "inn/a.csv", "in/b/"})
	f("in/**.csv", []string{"in/a.csv", "in/b/c/a.csv"}, []string{"in/b/c/"})
	f("**", []string{"a", "a/b"}, []string{"a/"})
	f("a.b+[c]/day=*/x", []string{"a.b+[c]/day=1/x"}, []string{"a.bb/day=1/x", "aXb+c/day=1/x"})
	f("one", []string{"one"}, []string{"one2", "on"})
	f("in/*\n*", []string{"in/a\nb"}, nil)

	p := newPattern("/data/in/*/x*.csv")
	require.Equal(t, "/data/in/", p.folder())
	for folder, want := range map[string]bool{"/data/in/": true, "/data/in/a/": true, "/data/in/a/b/": false, "/data/inn/": false} {
		require.Equal(t, want, p.below(folder), folder)
	}
	require.True(t, newPattern("/data/**/x").below("/data/a/b/c/"))
	require.Equal(t, "/", newPattern("/*.csv").folder())
	require.Equal(t, "/data/", newPattern("/data/x.csv").folder())
}
