package wallclock_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/wallclock"
	"github.com/residualdb/residual/internal/zones"
)

func TestFirst(t *testing.T) {
	f := func(zone, shown, want string) {
		t.Helper()
		location, err := zones.Load(zone)
		require.NoError(t, err)
		mark, err := time.Parse("2006-01-02 15:04", shown)
		require.NoError(t, err)
		got := wallclock.In(location).First(mark.UnixMilli())
		require.Equal(t, want, time.UnixMilli(got).UTC().Format("2006-01-02 15:04"))
	}
	f("UTC", "2026-01-01 00:00", "2026-01-01 00:00")
	f("Europe/Berlin", "2026-10-25 00:00", "2026-10-24 22:00")
	f("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30") // and an hour later again
	f("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00") // never: 03:00 follows 02:00
	f("America/Santiago", "2026-09-06 00:00", "2026-09-06 04:00")
	f("America/Santiago", "2026-09-06 01:00", "2026-09-06 04:00")
	f("America/Havana", "2026-03-08 00:00", "2026-03-08 05:00")
	f("Atlantic/Azores", "2025-03-30 00:00", "2025-03-30 01:00")
	f("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00")
	f("Pacific/Apia", "2011-12-30 00:00", "2011-12-30 10:00") // the day is left out
	f("Pacific/Apia", "2011-12-31 00:00", "2011-12-30 10:00")
	f("America/St_Johns", "2010-11-07 00:00", "2010-11-07 02:30") // at 00:01 it is 23:01 again
	f("America/New_York", "2028-12-31 12:00", "2028-12-31 17:00") // the last day of a leap year
	f("America/New_York", "2029-01-01 00:00", "2029-01-01 05:00")
}

// TestFirstOutside has times beyond all changes.
func TestFirstOutside(t *testing.T) {
	clock := wallclock.In(time.FixedZone("", 3600))
	require.Equal(t, int64(-3_600_000), clock.First(0))
	require.Equal(t, int64(math.MaxInt32)*1_000_000, clock.Shows(clock.First(math.MaxInt32*1_000_000)))
}
