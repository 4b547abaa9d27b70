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

// TestWithin matches by what a bound stands for, never by a name that is its text.
func TestWithin(t *testing.T) {
	for within, names := range map[string][2][]string{
		"":              {{"a", "b,c", "*"}, nil},
		"*":             {{"a", "b,c", "*"}, nil},
		"team_a_*":      {{"team_a_", "team_a_1", "team_a_*", "team_a_x,team_b"}, {"team_a", "team_b,team_a_x", "Team_a_1", "*"}},
		"team_b,team_a": {{"team_a", "team_b"}, {"team_b,team_a", "team_a_1", "team_b,", " team_b"}},
		"team_a":        {{"team_a"}, {"team_a_1", "team_a,"}},
	} {
		sel := SelectionOf(All, All, All).Within(within)
		for _, name := range names[0] {
			require.True(t, sel.within.Matches(name), "%q within %q", name, within)
		}
		for _, name := range names[1] {
			require.False(t, sel.within.Matches(name), "%q within %q", name, within)
		}
	}
}
