package catalog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
)

// TestPrevious holds the version before each series to a search of all, while versions begin, begin earlier and lose all their rows.
func TestPrevious(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	m := catalog.NewModel("m", new(catalog.Cardinality), new(catalog.Moments))
	check := func() {
		t.Helper()
		var all, found []uint32
		for n := range m.Series {
			want := uint32(catalog.NoSeries)
			for i := range m.Series {
				if m.Series[i].Environment == m.Series[n].Environment && m.Series[i].First < base.MaxMilli && m.Newer(uint32(n), uint32(i)) &&
					(want == catalog.NoSeries || m.Newer(uint32(i), want)) {
					want = uint32(i)
				}
			}
			all, found = append(all, want), append(found, m.Previous(uint32(n)))
		}
		require.Equal(t, all, found)
	}
	for i := range 400 {
		version := fmt.Sprint("v", r.IntN(20))
		if r.IntN(10) == 0 {
			version = catalog.LatestVersion
		}
		m.Number(catalog.SeriesName{Version: version, Environment: fmt.Sprint("e", r.IntN(3))}, int64(r.IntN(1000)-2*i))
		if i%150 == 149 {
			m.RecountFirst()
		}
		check()
	}
}
