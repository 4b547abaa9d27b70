package engine

import "time"

// Interval is the length of a bucket of a series over time.
type Interval uint8

// The intervals. IntervalHour is the default.
const (
	IntervalHour Interval = iota
	IntervalMinute
	Interval5Minutes
	Interval15Minutes
	Interval6Hours
	IntervalDay
	IntervalWeek
	intervalCount
)

// BucketsMax bounds the buckets of one series, and TimeseriesRowsMax the rows of an answer.
const (
	BucketsMax        = 11_000
	TimeseriesRowsMax = 200_000
)

// intervals are their names and usual lengths.
var intervals = [intervalCount]struct {
	name   string
	length time.Duration
}{
	IntervalHour:      {"1h", time.Hour},
	IntervalMinute:    {"1m", time.Minute},
	Interval5Minutes:  {"5m", 5 * time.Minute},
	Interval15Minutes: {"15m", 15 * time.Minute},
	Interval6Hours:    {"6h", 6 * time.Hour},
	IntervalDay:       {"1d", 24 * time.Hour},
	IntervalWeek:      {"1w", 7 * 24 * time.Hour},
}

func (iv Interval) String() string { return intervals[iv].name }

// ParseInterval reads 1m, 5m, 15m, 1h, 6h, 1d or 1w.
func ParseInterval(name string) (Interval, error) {
	for i := range intervals {
		if intervals[i].name == name {
			return Interval(i), nil
		}
	}
	return 0, queryError("the interval is none of 1m, 5m, 15m, 1h, 6h, 1d and 1w")
}

// buckets cuts the span w at the marks of a clock in a zone. The first bucket is the whole one that holds w.from; the
// last ends at its mark too, at or after w.to.
//
// Weeks begin on Monday, days at midnight, parts of a day of 6 hours at 0, 6, 12 and 18 o'clock: they are shorter or
// longer where the clock is put forward or back. Up to an hour, a bucket lasts what its name says and counts from
// midnight; a day's last ends with the day.
func (iv Interval) buckets(w span, zone *time.Location) ([]span, error) {
	if w.from >= w.to {
		return nil, nil
	}
	length := intervals[iv].length.Milliseconds()
	if uint64(w.to-w.from) > uint64(BucketsMax*length) || w.to-w.from < 0 {
		return nil, queryError("the window has more than %d buckets of %s", BucketsMax, iv)
	}
	first := time.UnixMilli(w.from).In(zone)
	year, month, day := first.Date()
	step := 1
	if iv == IntervalWeek {
		step = 7
		day -= int(first.Weekday()+6) % 7
	}
	mark := func(day, hour int) int64 { return time.Date(year, month, day, hour, 0, 0, 0, zone).UnixMilli() }
	var found []span
	cut := func(from, to int64) {
		if from < to && to > w.from && from < w.to {
			found = append(found, span{from, to})
		}
	}
	for begin := mark(day, 0); begin < w.to; day += step {
		end := mark(day+step, 0)
		switch {
		case iv == Interval6Hours:
			for hour := 0; hour < 24; hour += 6 {
				cut(mark(day, hour), mark(day, hour+6))
			}
		case length < time.Hour.Milliseconds()*6:
			for from := begin; from < end; from += length {
				cut(from, min(from+length, end))
			}
		default:
			cut(begin, end)
		}
		begin = end
	}
	return found, nil
}
