package windows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/windows"
)

// TestSameHours holds the hours of weeks before to what the clock showed, over its changes in spring and autumn.
func TestSameHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	f := func(from, to string, want ...string) {
		t.Helper()
		at := func(text string) int64 {
			moment, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
			require.NoError(t, err)
			return moment.UnixMilli()
		}
		l := windows.Layout{Zone: berlin}
		var got []string
		for _, s := range l.Before(base.Span{From: at(from), To: at(to)}, len(want)) {
			got = append(got, time.UnixMilli(s.From).In(berlin).Format("01-02 15:04")+" "+time.Duration((s.To-s.From)*int64(time.Millisecond)).String())
		}
		require.Equal(t, want, got)
	}
	f("2026-11-01 08:00", "2026-11-01 14:00", "10-25 08:00 6h0m0s", "10-18 08:00 6h0m0s") // UTC+1, UTC+1, UTC+2
	f("2026-11-01 00:00", "2026-11-01 06:00", "10-25 00:00 7h0m0s", "10-18 00:00 6h0m0s") // 2 to 3 twice
	f("2026-04-05 00:00", "2026-04-05 06:00", "03-29 00:00 5h0m0s", "03-22 00:00 6h0m0s") // no 2 to 3
	f("2026-04-05 02:00", "2026-04-05 03:00", "03-29 03:00 0s", "03-22 02:00 1h0m0s")
}
