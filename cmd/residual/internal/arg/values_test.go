package arg

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSize(t *testing.T) {
	f := func(text string, want int64, shown string) {
		t.Helper()
		var s Size
		require.NoError(t, s.Set(text), text)
		require.Equal(t, want, int64(s))
		require.Equal(t, shown, s.String())
	}
	f("0", 0, "0")
	f("1000", 1000, "1000")
	f("4096", 4096, "4KiB")
	f("512KiB", 512<<10, "512KiB")
	f("64MiB", 64<<20, "64MiB")
	f("4GiB", 4<<30, "4GiB")
	f("8388607TiB", 8388607<<40, "8388607TiB")
	for _, text := range []string{"", "x", "-1", "1.5GiB", "4GB", "MiB", "8388608TiB", "9223372036854775808"} {
		var s Size
		require.Error(t, s.Set(text), text)
	}
}

func TestSpan(t *testing.T) {
	f := func(text string, want time.Duration, shown string) {
		t.Helper()
		var s Span
		require.NoError(t, s.Set(text), text)
		require.Equal(t, want, time.Duration(s))
		require.Equal(t, shown, s.String())
	}
	f("0", 0, "0s")
	f("30d", 30*Day, "30d")
	f("48h", 2*Day, "2d")
	f("36h", 36*time.Hour, "36h0m0s")
	f("100ms", 100*time.Millisecond, "100ms")
	f("106751d", 106751*Day, "106751d")
	for _, text := range []string{"", "d", "-1h", "-1d", "1.5d", "106752d", "3months"} {
		var s Span
		require.Error(t, s.Set(text), text)
	}
}

func TestRetention(t *testing.T) {
	f := func(shown string, plain time.Duration, values ...string) {
		t.Helper()
		var r Retention
		for _, value := range values {
			require.NoError(t, r.Set(value), value)
		}
		require.Equal(t, plain, time.Duration(r.Plain))
		require.Equal(t, shown, r.String())
	}
	f("0s", 0)
	f("90d", 90*Day, "90d")
	f("0s,a=2d", 0, "a=48h")
	f("90d,team_a_*=30d,a=b=0s", 90*Day, "90d", "team_a_*=30d", "a=b=0")
	f("90d,team_a_*=30d,x=1h0m0s", 90*Day, "team_a_*=30d, x=1h,90d")
	for want, values := range map[string][]string{
		"a time is allowed":                       {""},
		"like 'team_a_*=30d'":                     {"90d,team_a_*"},
		"the time for every model is there twice": {"90d,x=3d", "30d"},
		`"x=": a time is allowed`:                 {"x="},
		`"x=-1d": a time is allowed`:              {"x=-1d"},
		`"x" is there twice`:                      {"x=1d", "x=2d"},
		`a name or a prefix* is needed`:           {"=1d"},
		`* is every model`:                        {"*=1d"},
		`a star is allowed at the end alone`:      {"a*b=1d"},
	} {
		var r Retention
		var err error
		for _, value := range values {
			require.NoError(t, err)
			err = r.Set(value)
		}
		require.ErrorContains(t, err, want)
	}
}

func TestChoice(t *testing.T) {
	c := OneOf("a", "b")
	require.Equal(t, "a", c.String())
	require.NoError(t, c.Set("b"))
	require.EqualError(t, c.Set("c"), "one of a, b is allowed")
	require.Equal(t, "b", c.String())
	require.Equal(t, "a|b", c.Type())
}
