package base

import (
	"math"
	"time"
)

// MinMilli and MaxMilli stand for no bound.
const (
	MinMilli = math.MinInt64
	MaxMilli = math.MaxInt64
)

// Span is a half-open interval of Unix milliseconds.
type Span struct{ From, To int64 }

// Empty tells whether there is no time in s.
func (s Span) Empty() bool { return s.From >= s.To }

// Overlaps tells whether a time is in both.
func (s Span) Overlaps(o Span) bool { return max(s.From, o.From) < min(s.To, o.To) }

// ClampMilli converts t to Unix milliseconds; times outside the int64 range go to its ends.
func ClampMilli(t time.Time) int64 {
	const limit = math.MaxInt64 / 1000
	switch s := t.Unix(); {
	case s >= limit:
		return math.MaxInt64
	case s <= -limit:
		return math.MinInt64
	}
	return t.UnixMilli()
}

// SubMilli is t-d, saturating.
func SubMilli(t int64, d time.Duration) int64 {
	r := t - d.Milliseconds()
	if d > 0 && r > t {
		return math.MinInt64
	}
	if d < 0 && r < t {
		return math.MaxInt64
	}
	return r
}

// OrDefault returns v, or def where v is the zero value.
func OrDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
