package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
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

// Names tells whether a name is one of those that a pattern stands for, as it does in the Within of a query.
func Names(pattern string) interface{ Matches(name string) bool } {
	p := query.PatternOf(pattern)
	return &p
}

// Revision is a number of the rows of the models that a pattern names, of those that within matches unless it is empty: it is another
// one whenever a query about them may answer something else, but for what the time does. Ask for it before the query: then the answer is
// never older than it. Sealing and merging leave it as it is, unless
// they forget a model of which nothing is left, and so does what becomes of other models. Two processes have
// nothing in common in their numbers.
func (db *DB) Revision(ctx context.Context, models, within string) (uint64, error) {
	if err := db.begin(); err != nil {
		return 0, err
	}
	defer db.end()
	if models == All && within == "" {
		return db.publisher.Moments.Revision(), nil
	}
	sel := query.SelectionOf(models, All, All).Within(within)
	revision, err := db.queries.Revision(ctx, &sel)
	if err != nil {
		return 0, fmt.Errorf("revision: %w", err)
	}
	return revision, nil
}

// Columns is a set of the columns that name a series.
type Columns uint8

// The columns.
const (
	ModelColumn Columns = 1 << iota
	VersionColumn
	EnvironmentColumn
	allColumns = ModelColumn | VersionColumn | EnvironmentColumn
)

// ParseGroupBy reads the columns that make rows of an answer, with commas between their names, and returns those that
// are left: what a query is to add up across. No columns make one row of everything.
func ParseGroupBy(names string) (across Columns, err error) {
	across = allColumns
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name == "" && strings.TrimSpace(names) == "" {
			break
		}
		i := slices.Index(query.ColumnNames[:], name)
		if i < 0 {
			return 0, queryError("%q is not a column to group by: these are model_id, model_version and environment", name)
		}
		across &^= 1 << i
	}
	return across, nil
}
