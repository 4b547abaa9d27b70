package crashtest_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

func TestCaseText(t *testing.T) {
	for text, want := range map[string]crashtest.Case{
		"0: end:lose": {Lives: []crashtest.Life{{Ending: crashtest.Ending{Op: math.MaxUint64, Kind: crashtest.CutLose}}}},
		"1f: EIO@17,sync-clean@30+ 41:kill / 7:keep / ENOSPC@2 end:cut=5f": {
			Seed: 31,
			Lives: []crashtest.Life{
				{
					Faults: []simdisk.Fault{{Op: 17, Kind: simdisk.EIO}, {Op: 30, Kind: simdisk.SyncClean, Sticky: true}},
					Ending: crashtest.Ending{Op: 41, Kind: crashtest.Kill},
				},
				{Ending: crashtest.Ending{Op: 7, Kind: crashtest.CutKeep}},
				{
					Faults: []simdisk.Fault{{Op: 2, Kind: simdisk.ENOSPC}},
					Ending: crashtest.Ending{Op: math.MaxUint64, Kind: crashtest.CutRandom, Seed: 0x5f},
				},
			},
		},
	} {
		require.Equal(t, text, want.String())
		got, err := crashtest.ParseCase(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", "end:lose", "x: end:lose", "0: ", "0: end", "0: end:", "0: x:lose", "0: end:cut", "0: end:cut=x", "0: EIO 3:lose",
		"0: EIO@ 3:lose", "0: none@3 3:lose", "0: EIO@3, 3:lose", "0: end:lose /",
	} {
		_, err := crashtest.ParseCase(text)
		require.Error(t, err, "%q", text)
	}
}
