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

const hour = 3_600_000

// day is a layout of 6 h against 7 days, with a gap of a day, that is not cut off at its moment.
func day(change func(l *windows.Layout)) *windows.Layout {
	const at = 10_000 * hour
	l := &windows.Layout{At: at, Recent: base.Span{From: at - 6*hour, To: base.MaxMilli}, Historical: 168 * time.Hour, Gap: 24 * time.Hour}
	change(l)
	return l
}

func ago(hours, milli int64) time.Time { return time.UnixMilli((10_000-hours)*hour + milli) }

// TestCheckAtEdges has for each bound a layout that just keeps it, and one that just does not.
func TestCheckAtEdges(t *testing.T) {
	pin := func(to time.Time) func(l *windows.Layout) {
		return func(l *windows.Layout) { l.From, l.To = ago(100, 0), to }
	}
	for _, c := range []struct {
		name   string
		fits   bool
		change func(l *windows.Layout)
	}{
		{"a pinned reference ends as the recent window begins", true, pin(ago(6, 0))},
		{"a pinned reference ends a moment later", false, pin(ago(6, 1))},
		{"a pinned reference is a moment long", true, pin(ago(100, 1))},
		{"a pinned reference is empty", false, pin(ago(100, 0))},
		{"a recent window of a week", true, func(l *windows.Layout) { l.Weeks, l.Recent = 1, base.Span{From: l.At - 168*hour, To: l.At} }},
		{"a recent window of a week and a moment", false, func(l *windows.Layout) { l.Weeks, l.Recent = 1, base.Span{From: l.At - 168*hour - 1, To: l.At} }},
		{"a week but for the moment that it ends with", true, func(l *windows.Layout) { l.Weeks, l.Recent.From = 1, l.At-168*hour+1 }},
		{"a week and the moment that it ends with", true, func(l *windows.Layout) { l.Weeks, l.Recent.From = 1, l.At-168*hour }},
		{"a week, that moment and one more", false, func(l *windows.Layout) { l.Weeks, l.Recent.From = 1, l.At-168*hour-1 }},
		{"the most weeks", true, func(l *windows.Layout) { l.Weeks = windows.WeeksMax }},
		{"a week too many", false, func(l *windows.Layout) { l.Weeks = windows.WeeksMax + 1 }},
		{"no gap", true, func(l *windows.Layout) { l.Gap = 0 }},
		{"a negative gap", false, func(l *windows.Layout) { l.Gap = -1 }},
	} {
		err := day(c.change).Check()
		if c.fits {
			require.NoError(t, err, c.name)
		} else {
			require.ErrorIs(t, err, base.ErrQuery, c.name)
		}
	}
}

// TestSpans has the window of each reference, what is said of it, and how early the recent window may begin.
func TestSpans(t *testing.T) {
	const at = 10_000 * hour
	for _, c := range []struct {
		name             string
		change           func(l *windows.Layout)
		compared, extent base.Span
		earliest         int64
	}{
		{"rolling", func(*windows.Layout) {}, base.Span{From: at - 168*hour, To: at - 30*hour}, base.Span{From: at - 168*hour, To: at - 30*hour}, at - 72*hour},
		{"pinned", func(l *windows.Layout) { l.From, l.To = ago(50, 0), ago(40, 0) }, base.Span{From: at - 50*hour, To: at - 40*hour}, base.Span{From: at - 50*hour, To: at - 40*hour}, at - 40*hour},
		{"pinned long ago", func(l *windows.Layout) { l.From, l.To = ago(500, 0), ago(400, 0) }, base.Span{From: at - 500*hour, To: at - 400*hour}, base.Span{From: at - 500*hour, To: at - 400*hour}, at - 72*hour},
		{"another version", func(l *windows.Layout) { l.Version = "v1" }, base.Span{From: at - 168*hour, To: base.MaxMilli}, base.Span{From: at - 168*hour, To: at + 1}, at - 72*hour},
		{"the weeks before", func(l *windows.Layout) { l.Weeks = 2 }, base.Span{From: at - 174*hour, To: at - 168*hour + 1}, base.Span{From: at - 342*hour, To: at - 168*hour + 1}, at - 72*hour},
		{"whole weeks", func(l *windows.Layout) { l.Weeks, l.Recent.From = 2, at-168*hour }, base.Span{From: at - 336*hour, To: at - 168*hour}, base.Span{From: at - 504*hour, To: at - 168*hour}, at - 168*hour},
	} {
		l := day(c.change)
		require.Equal(t, c.compared, l.Compared().Span, c.name)
		require.Equal(t, c.extent, l.Extent(false), c.name)
		require.Equal(t, c.earliest, l.Earliest(72*time.Hour), c.name)
		if l.Rolling() {
			c.extent.To = at - 6*hour
		}
		require.Equal(t, c.extent, l.Extent(true), c.name+", short")
	}
	weeks := day(func(l *windows.Layout) { l.Weeks, l.Recent.From = 2, at-168*hour })
	require.Equal(t, []base.Span{{From: at - 504*hour, To: at - 336*hour}}, weeks.Compared().More, "no row counts in two weeks")
}
