package event

const (
	secondMillis = 1000
	minuteMillis = 60 * secondMillis
	hourMillis   = 60 * minuteMillis
	dayMillis    = 24 * hourMillis
)

// clock reads timestamps, and keeps the date of the last one: the next is mostly of the same day.
type clock struct {
	date  [2]uint64 // the bytes of the date, the second word two of them
	start int64     // of the day, in Unix milliseconds
}

// newClock returns a clock that knows the first of all days. The zero clock would take ten NULs for it.
func newClock() clock {
	return clock{date: [2]uint64{partWord([]byte("1970-01-")), partWord([]byte("01"))}}
}

// parse reads YYYY-MM-DD, a space or T, hh:mm:ss, an optional fraction of 1 to 9 digits and an optional zone, Z or
// ±hh:mm; without one the time is UTC. It returns Unix milliseconds; digits beyond the third of the fraction are cut
// off. s has slack.
func (c *clock) parse(s []byte) (int64, fault) {
	if len(s) < len("YYYY-MM-DD hh:mm:ss") {
		return 0, notTimestamp(s)
	}
	w0, w1, w2 := load(s, 0), load(s, 8), load(s, 16)
	if date := [2]uint64{w0, w1 & 0xFFFF}; date != c.date {
		days, ok := parseDate(s)
		if !ok {
			return 0, notTimestamp(s)
		}
		c.date, c.start = date, days*dayMillis
	}
	if s[10] != ' ' && s[10] != 'T' {
		return 0, notTimestamp(s)
	}
	const colons = 0x0000FF0000FF0000
	time := (w1>>24 | w2<<40) ^ (lanes&^colons*'0' | lanes&colons*':') // hh:mm:ss
	hour := int64(time&0xFF*10 + time>>8&0xFF)
	minute := int64(time>>24&0xFF*10 + time>>32&0xFF)
	second := int64(time>>48&0xFF*10 + time>>56)
	if time&colons != 0 || aboveNine(time) || hour > 23 || minute > 59 || second > 59 {
		return 0, faultTimestamp
	}
	ms := c.start + hour*hourMillis + minute*minuteMillis + second*secondMillis
	if s = s[19:]; len(s) == 0 {
		return ms, faultNone
	}
	if s[0] == '.' {
		millis, n := parseFraction(s[1:])
		if n == 0 {
			return 0, faultTimestamp
		}
		ms += millis
		s = s[1+n:]
	}
	offset, ok := parseZone(s)
	if !ok {
		return 0, faultTimestamp
	}
	return ms - offset, faultNone
}

func (d *Decoder) readTimestamp(b []byte, i int) (int, fault) {
	other := faultWantTimestamp
	if i < len(b) && (b[i] == '-' || b[i] >= '0' && b[i] <= '9') {
		other = faultEpochNumber
	}
	text, end, f := d.readText(b, i, other)
	if f != faultNone {
		return end, f
	}
	ms, f := d.clock.parse(text)
	if f != faultNone {
		return end, f
	}
	d.row.time = ms
	return end, d.rules.check(ms)
}

// notTimestamp tells a number in quotes, which is taken for an epoch, from other texts, so that the reason can say so.
func notTimestamp(s []byte) fault {
	if len(s) == 0 {
		return faultTimestamp
	}
	if _, end, f := scanNumber(s, 0); f == faultNone && end == len(s) {
		return faultEpoch
	}
	return faultTimestamp
}

// parseDate reads the date that s begins with, as days since 1970-01-01. len(s) >= 10.
func parseDate(s []byte) (int64, bool) {
	century, ok1 := digits2(s, 0, 99)
	year, ok2 := digits2(s, 2, 99)
	month, ok3 := digits2(s, 5, 12)
	day, ok4 := digits2(s, 8, 31)
	year += 100 * century
	if !ok1 || !ok2 || !ok3 || !ok4 || s[4] != '-' || s[7] != '-' ||
		month == 0 || day == 0 || day > daysIn(year, month) {
		return 0, false
	}
	return daysBefore(year, month) + day - 1, true
}

// parseFraction reads up to nine digits as milliseconds; n is how many there were, 0 if none or too many.
func parseFraction(s []byte) (millis int64, n int) {
	for weight := int64(100); n < len(s) && s[n]-'0' <= 9; weight /= 10 {
		millis += weight * int64(s[n]-'0')
		n++
	}
	if n > 9 {
		return 0, 0
	}
	return millis, n
}

// parseZone reads all of s as a zone and returns its offset from UTC in milliseconds.
func parseZone(s []byte) (int64, bool) {
	switch {
	case len(s) == 0, string(s) == "Z":
		return 0, true
	case len(s) != len("+hh:mm") || s[3] != ':' || s[0] != '+' && s[0] != '-':
		return 0, false
	}
	hour, ok1 := digits2(s, 1, 23)
	minute, ok2 := digits2(s, 4, 59)
	offset := hour*hourMillis + minute*minuteMillis
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2
}

// digits2 reads two digits at i as a number up to most.
func digits2(s []byte, i int, most int64) (int64, bool) {
	tens, ones := s[i]-'0', s[i+1]-'0'
	n := 10*int64(tens) + int64(ones)
	return n, tens <= 9 && ones <= 9 && n <= most
}

// daysIn returns the length of a month of the Gregorian calendar.
func daysIn(year, month int64) int64 {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

// daysBefore returns the days from 1970-01-01 to the first of a month. Years begin in March here, so that the leap day
// is the last of its year.
func daysBefore(year, month int64) int64 {
	month -= 3
	if month < 0 {
		month += 12
		year--
	}
	const daysTo1970 = 719468 // from 0000-03-01
	return 365*year + floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400) +
		(153*month+2)/5 - daysTo1970
}

// floorDiv divides and rounds down, for the year -1 that January of year 0 is in.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
