package engine

import (
	"context"
	"time"
)

// DriftQuery compares the recent window of a model with its history. The zero value of each field is its default.
type DriftQuery struct {
	// Model is the model's id, or All.
	Model string
	// Version is a version or All. Default: All.
	Version string
	// Environment is an environment or All. Default: production.
	Environment string
	// Recent reaches back from now or AsOf. Default: 6 h.
	Recent time.Duration
	// Historical reaches back from now or AsOf and ends where Recent begins. Default: 168 h.
	Historical time.Duration
	// AsOf stands in for now and cuts off rows after it.
	AsOf time.Time
}

// DriftRow compares both windows of one (model, version, environment).
type DriftRow struct {
	Model, Version, Environment string
	RecentMAE, HistoricalMAE    float64
	// DriftPercentage is the ratio (recent-historical)/historical, not times 100.
	DriftPercentage              float64
	RecentCount, HistoricalCount uint64
	AnalysisTimestamp            time.Time
}

// DriftResult holds one row per version and environment with rows in both windows and a historical MAE above zero,
// ordered by |DriftPercentage| descending, ties by model, version, environment.
type DriftResult struct {
	Rows []DriftRow
	Read Read
}

// Drift answers q from aggregates and at most three decoded blocks per segment.
func (db *DB) Drift(ctx context.Context, q DriftQuery) (DriftResult, error) {
	panic("BUG: not built")
}
