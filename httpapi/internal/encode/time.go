package encode

import "time"

// appendTime writes a time in Unix milliseconds as ClickHouse does, in UTC: a Date to the day, a DateTime to the second, a
// DateTime64 to the millisecond.
func appendTime(dst []byte, k Kind, millis int64) []byte {
	at := time.UnixMilli(millis).UTC()
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), int(month))
	dst = append2(append(dst, '-'), day)
	if k == Date {
		return dst
	}
	dst = append2(append(dst, ' '), hour)
	dst = append2(append(dst, ':'), minute)
	dst = append2(append(dst, ':'), second)
	if k == DateTime64 {
		fraction := at.Nanosecond() / int(time.Millisecond)
		dst = append2(append(dst, '.', '0'+byte(fraction/100)), fraction%100)
	}
	return dst
}

func append2(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10), '0'+byte(n%10)) }
