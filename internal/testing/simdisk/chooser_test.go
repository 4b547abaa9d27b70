package simdisk_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// fates asks for the fates of one file of n sectors, as letters.
func fates(c simdisk.Chooser, n int) string {
	c.File(n)
	s := make([]byte, n)
	for i := range s {
		s[i] = "LKhtgs"[c.Sector()]
	}
	return string(s)
}

func TestRandomIsAFunctionOfItsSeed(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(100) {
		first := fates(simdisk.Random(seed), 64)
		require.Equal(t, first, fates(simdisk.Random(seed), 64))
		seen[first] = true
	}
	require.Greater(t, len(seen), 50)
}

// TestRandomFindsTheRareStates holds that states which coin flips per sector would not show in a lifetime come up in
// a thousand seeds: of 40 sectors all, none, all but one, exactly one, a head, a tail; and each kind of damage.
func TestRandomFindsTheRareStates(t *testing.T) {
	const sectors = 40
	found := make(map[string]int)
	for seed := range uint64(1000) {
		s := fates(simdisk.Random(seed), sectors)
		kept, changes := 0, 0
		for i := range s {
			switch s[i] {
			case 'K':
				kept++
			case 'L':
			default:
				found[s[i:i+1]]++
				kept = -sectors * sectors
			}
			if i > 0 && s[i] != s[i-1] {
				changes++
			}
		}
		switch {
		case kept == 0:
			found["none"]++
		case kept == sectors:
			found["all"]++
		case kept == 1:
			found["one"]++
		case kept == sectors-1:
			found["all but one"]++
		case kept > 0 && changes == 1:
			found[fmt.Sprintf("one edge, begins %c", s[0])]++
		case kept > 0:
			found["mixed"]++
		}
	}
	for _, state := range []string{
		"none", "all", "one", "all but one", "one edge, begins L", "one edge, begins K", "mixed", "h", "t", "g", "s",
	} {
		require.Greater(t, found[state], 10, "%s of %v", state, found)
	}
}

func TestOdometerGoesThroughAllStates(t *testing.T) {
	d := newDisk(t, simdisk.Options{})
	f := durableFile(t, d, "/d/a", fill('o', 1024))
	_, err := f.WriteAt(fill('n', 1024), 0)
	require.NoError(t, err)
	_, err = f.WriteAt(fill('m', 512), 512)
	require.NoError(t, err)
	_, err = d.Create("/d/b")
	require.NoError(t, err)
	s := d.Snapshot()
	require.Equal(t, 4, s.Unsynced())

	seen := make(map[string]int)
	n := 0
	for o := new(simdisk.Odometer); o.More(); n++ {
		d := s.Crash(o)
		a := content(t, d, "/d/a")
		seen[fmt.Sprintf("%c%c %v", a[0], a[512], exists(t, d, "/d", "b"))]++
	}
	require.Equal(t, 16, n, "two to the number of sectors written and names made")
	require.Len(t, seen, 12, "the second sector is one of three, the others one of two: %v", seen)
}
