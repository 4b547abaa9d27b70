package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern   string
		yes, none []string
	}{
		{"a", []string{"a"}, []string{"", "ab", "*"}},
		{"*", []string{"", "a", "*"}, nil},
		{"", nil, []string{"a"}},
		{"a,b", []string{"a", "b"}, []string{"", "c", "ab", "a,"}},
		{" a ,\tb", []string{"a", "b"}, []string{" a "}},
		{"a,,", []string{"a"}, []string{""}},
		{"team_*", []string{"team_", "team_a", "team_*"}, []string{"team", "xteam_"}},
		{"te*m", []string{"te*m"}, []string{"team"}},
		{"p*,pa*,pab*,pac*,x", []string{"p", "pb", "pa", "pabc", "paz", "x"}, []string{"o", "q", "xy"}},
		{"b*,a,c*,c", []string{"a", "b1", "c", "cc"}, []string{"ab", "d", ""}},
		{"a,*", []string{"", "z"}, nil},
		{"é*", []string{"él"}, []string{"e"}},
	} {
		p := PatternOf(c.pattern)
		for _, name := range c.yes {
			require.True(t, p.Matches(name), "%q of %q", name, c.pattern)
		}
		for _, name := range c.none {
			require.False(t, p.Matches(name), "%q of %q", name, c.pattern)
		}
	}
}
