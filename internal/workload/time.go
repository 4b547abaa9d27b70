package workload

import "time"

// day is the calendar date written last; rows come mostly in order, so that it is nearly always the right one.
type day struct {
	number int64 // days since 1970-01-01; 0 is never cached
	text   [10]byte
}

// shownMs is the part of the time that the line shows.
func (g *Generator) shownMs(r *row) int64 {
	if g.opts.Shape == UUID {
		return r.ms
	}
	return r.ms / 1000 * 1000
}

// appendTime writes 2025-04-26 17:55:44, or 2025-04-26T17:55:44.123Z in the shape UUID.
func (g *Generator) appendTime(dst []byte, r *row) []byte {
	const dayMs = 24 * 60 * 60 * 1000
	number, ms := r.ms/dayMs, r.ms%dayMs
	if number != g.day.number || number == 0 {
		g.day.number = number
		time.UnixMilli(r.ms).UTC().AppendFormat(g.day.text[:0], time.DateOnly)
	}
	seconds := ms / 1000
	h, m, s := seconds/3600*2, seconds/60%60*2, seconds%60*2
	separator := byte(' ')
	if g.opts.Shape == UUID {
		separator = 'T'
	}
	dst = append(dst, g.day.text[:]...)
	dst = append(dst, separator, pairs[h], pairs[h+1], ':', pairs[m], pairs[m+1], ':', pairs[s], pairs[s+1])
	if g.opts.Shape == UUID {
		tail := ms % 1000
		dst = append(dst, '.', '0'+byte(tail/100), pairs[tail%100*2], pairs[tail%100*2+1], 'Z')
	}
	return dst
}
