package engine

import (
	"fmt"
	"math"
	"time"
)

// Defaults of the two tutorial endpoints.
const (
	defaultEnvironment      = "production"
	defaultWindow           = 24 * time.Hour
	defaultRecentWindow     = 6 * time.Hour
	defaultHistoricalWindow = 168 * time.Hour
)

// Read counts what a query really decoded. Rows answered from aggregates do not count.
type Read struct {
	Rows, Bytes uint64
}

func (r *Read) add(o Read) {
	r.Rows += o.Rows
	r.Bytes += o.Bytes
}

// minMilli and maxMilli stand for no bound.
const (
	minMilli = math.MinInt64
	maxMilli = math.MaxInt64
)

// span is a half-open interval of Unix milliseconds.
type span struct{ from, to int64 }

// clampMilli converts t to Unix milliseconds; times outside the int64 range go to its ends.
func clampMilli(t time.Time) int64 {
	const limit = math.MaxInt64 / 1000
	switch s := t.Unix(); {
	case s >= limit:
		return math.MaxInt64
	case s <= -limit:
		return math.MinInt64
	}
	return t.UnixMilli()
}

// subMilli is t-d, saturating.
func subMilli(t int64, d time.Duration) int64 {
	r := t - d.Milliseconds()
	if d > 0 && r > t {
		return math.MinInt64
	}
	if d < 0 && r < t {
		return math.MaxInt64
	}
	return r
}

// endOf is the exclusive end of a query that stands at asOf: rows after asOf are cut off, one exactly at it is kept.
// Without asOf there is no upper bound.
func endOf(asOf time.Time) int64 {
	if asOf.IsZero() {
		return math.MaxInt64
	}
	if ms := clampMilli(asOf); ms < math.MaxInt64 {
		return ms + 1
	}
	return math.MaxInt64
}

// standing returns the moment a query is asked about: asOf if given, else now.
func standing(asOf, now time.Time) int64 {
	if asOf.IsZero() {
		return clampMilli(now)
	}
	return clampMilli(asOf)
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func queryError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrQuery, fmt.Sprintf(format, args...))
}
