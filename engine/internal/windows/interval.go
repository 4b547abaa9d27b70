package windows

import (
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/wallclock"
)

// Interval is the length of a bucket of a series over time.
type Interval uint8

// The intervals. IntervalHour is the default.
const (
	IntervalHour Interval = iota
	IntervalMinute
	Interval5Minutes
	Interval15Minutes
	Interval30Minutes
	Interval6Hours
	IntervalDay
	IntervalWeek
	IntervalMonth
	IntervalQuarter
	IntervalYear
	intervalCount
)

// BucketsMax bounds the buckets of one series.
const BucketsMax = 11_000

// UsualDay is a day in which no clock is changed.
const UsualDay = 24 * time.Hour

// intervals are their names and lengths: those of a day and more are the shortest that they have where no clock is changed.
var intervals = [intervalCount]struct {
	name   string
	length time.Duration
}{
	IntervalHour:      {"1h", time.Hour},
	IntervalMinute:    {"1m", time.Minute},
	Interval5Minutes:  {"5m", 5 * time.Minute},
	Interval15Minutes: {"15m", 15 * time.Minute},
	Interval30Minutes: {"30m", 30 * time.Minute},
	Interval6Hours:    {"6h", 6 * time.Hour},
	IntervalDay:       {"1d", UsualDay},
	IntervalWeek:      {"1w", 7 * UsualDay},
	IntervalMonth:     {"1mo", 28 * UsualDay},
	IntervalQuarter:   {"1q", 90 * UsualDay},
	IntervalYear:      {"1y", 365 * UsualDay},
}

// Length is the length of a bucket; of those of a day and more the shortest where no clock is changed.
func (iv Interval) Length() time.Duration { return intervals[iv].length }

func (iv Interval) String() string { return intervals[iv].name }

// IntervalNames returns the names of the intervals, the shortest first.
func IntervalNames() []string {
	names := make([]string, 0, intervalCount)
	for iv := IntervalMinute; iv < intervalCount; iv++ {
		if iv == Interval6Hours {
			names = append(names, IntervalHour.String())
		}
		names = append(names, iv.String())
	}
	return names
}

// ParseInterval reads one of [IntervalNames].
func ParseInterval(name string) (Interval, error) {
	for i := range intervals {
		if intervals[i].name == name {
			return Interval(i), nil
		}
	}
	return 0, queryError("the interval is none of %s", strings.Join(IntervalNames(), ", "))
}

// Buckets cuts the span w at the marks of a clock in a zone. The first bucket is the whole one that holds w.From; the
// last ends at its mark too, at or after w.To.
//
// A bucket of 6 hours or more begins when the clock first shows its mark or a later time: 0, 6, 12 and 18 o'clock, midnight, that of a
// Monday, of the first day of a month, of January, April, July and October, of January. It is shorter or longer where the clock is put
// forward or back in it; one that the clock skips is not there. Up to an hour, a bucket lasts what its name says and counts from where
// the day begins; a day's last ends with the day.
func Buckets(iv Interval, w base.Span, zone *time.Location) ([]base.Span, error) {
	if w.From >= w.To {
		return nil, nil
	}
	length := intervals[iv].length.Milliseconds()
	if uint64(w.To-w.From) > uint64(BucketsMax*length) || w.To-w.From < 0 {
		return nil, queryError("the window has more than %d buckets of %s", BucketsMax, iv)
	}
	clock := wallclock.In(zone)
	mark := iv.floor(clock.Shows(w.From))
	begin := clock.First(mark)
	var found []base.Span
	for begin < w.To {
		mark = iv.next(mark)
		end := clock.First(mark)
		step := end - begin
		if iv.withinDay() {
			step = length
		}
		for from := begin; from < end && from < w.To; from += step {
			if to := min(from+step, end); to > w.From {
				found = append(found, base.Span{From: from, To: to})
			}
		}
		begin = end
	}
	return found, nil
}

// withinDay tells whether buckets count from where the day begins.
func (iv Interval) withinDay() bool { return intervals[iv].length < intervals[Interval6Hours].length }

// floor returns the last mark up to a time that a clock shows. The marks of buckets within a day are those of the day.
func (iv Interval) floor(shown int64) int64 {
	t := time.UnixMilli(shown).UTC()
	year, month, day := t.Date()
	hour := 0
	switch iv {
	case Interval6Hours:
		hour = t.Hour() / 6 * 6
	case IntervalWeek:
		day -= int(t.Weekday()+6) % 7
	case IntervalMonth:
		day = 1
	case IntervalQuarter:
		month, day = (month-1)/3*3+1, 1
	case IntervalYear:
		month, day = time.January, 1
	default: // the day's
	}
	return time.Date(year, month, day, hour, 0, 0, 0, time.UTC).UnixMilli()
}

// next returns the mark after a mark.
func (iv Interval) next(mark int64) int64 {
	t := time.UnixMilli(mark).UTC()
	switch iv {
	case Interval6Hours:
		t = t.Add(6 * time.Hour)
	case IntervalWeek:
		t = t.AddDate(0, 0, 7)
	case IntervalMonth:
		t = t.AddDate(0, 1, 0)
	case IntervalQuarter:
		t = t.AddDate(0, 3, 0)
	case IntervalYear:
		t = t.AddDate(1, 0, 0)
	default:
		t = t.AddDate(0, 0, 1)
	}
	return t.UnixMilli()
}
