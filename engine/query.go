package engine

import (
	"fmt"
	"math"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
)

// Defaults of the two tutorial endpoints.
const (
	defaultEnvironment      = "production"
	defaultWindow           = 24 * time.Hour
	defaultRecentWindow     = 6 * time.Hour
	defaultHistoricalWindow = 168 * time.Hour
)

// endOf is the exclusive end of a query that stands at asOf: rows after asOf are cut off, one exactly at it is kept.
// Without asOf there is no upper bound.
func endOf(asOf time.Time) int64 {
	if asOf.IsZero() {
		return math.MaxInt64
	}
	if ms := base.ClampMilli(asOf); ms < math.MaxInt64 {
		return ms + 1
	}
	return math.MaxInt64
}

// standing returns the moment a query is asked about: asOf if given, else now.
func standing(asOf, now time.Time) int64 {
	if asOf.IsZero() {
		return base.ClampMilli(now)
	}
	return base.ClampMilli(asOf)
}

func queryError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrQuery, fmt.Sprintf(format, args...))
}
