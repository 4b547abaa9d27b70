package workload

import (
	"errors"
	"fmt"
	"time"
)

// Options describes a workload. The zero value is a million rows of [Steady] over 90 days, without late rows or drift.
type Options struct {
	// Seed selects the workload; two seeds share nothing but the shape.
	Seed uint64

	// Rows is the number of rows. Default: 1,000,000.
	Rows int64

	// Models and Versions per model. Default: the shape's.
	Models, Versions int

	// Environments, the first of which gets four fifths of the rows. Default: production, staging.
	Environments []string

	// From and To bound the timestamps, To excluded. Default: 2025-01-01 UTC, and 90 days after From.
	From, To time.Time

	// LateShare of the rows, in [0, 1], arrive late, by up to LateBy. LateBy defaults to 6 h.
	LateShare float64
	LateBy    time.Duration

	// WaitingShare of the rows, in [0, 1], have no actual yet.
	WaitingShare float64

	// DriftModel is the number of the model that drifts, counted from 1; 0 is none. Over the last DriftOver before To its
	// error grows in a straight line to DriftFactor times the usual. They default to 12 h and 4.
	DriftModel  int
	DriftOver   time.Duration
	DriftFactor float64

	// Shape is the character of the workload. Default: Steady.
	Shape Shape
}

// Validate returns every contradiction in the options, joined.
func (o Options) Validate() error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	if int(o.Shape) >= len(shapes) {
		return fmt.Errorf("shape %d does not exist", o.Shape)
	}
	o = o.withDefaults()
	refuse(o.Rows < 1, "rows: %d is not positive", o.Rows)
	refuse(o.Models < 1 || o.Models > 1e6, "models: %d is not between 1 and 1000000", o.Models)
	refuse(o.Versions < 1 || o.Versions > 1e6, "versions: %d is not between 1 and 1000000", o.Versions)
	refuse(o.From.Year() < 1970 || o.To.Year() > 2105, "from %s, to %s: outside the years 1970 to 2105", o.From, o.To)
	refuse(!o.From.Before(o.To), "from %s is not before to %s", o.From, o.To)
	refuse(!(o.LateShare >= 0 && o.LateShare <= 1), "late share: %v is not between 0 and 1", o.LateShare)
	refuse(!(o.WaitingShare >= 0 && o.WaitingShare <= 1), "waiting share: %v is not between 0 and 1", o.WaitingShare)
	refuse(o.LateBy < time.Millisecond, "late by: %s is shorter than 1ms", o.LateBy)
	refuse(o.DriftModel < 0 || o.DriftModel > o.Models, "drift model: %d is not between 0 and %d", o.DriftModel, o.Models)
	refuse(o.DriftOver < time.Millisecond, "drift over: %s is shorter than 1ms", o.DriftOver)
	refuse(!(o.DriftFactor >= 0 && o.DriftFactor <= 1000), "drift factor: %v is not between 0 and 1000", o.DriftFactor)
	for _, name := range o.Environments {
		refuse(!plain(name), "environment %q: 1 to 64 of a-z, A-Z, 0-9, _, - and . are allowed", name)
	}
	return errors.Join(faults...)
}

func (o Options) withDefaults() Options {
	if o.Rows == 0 {
		o.Rows = 1_000_000
	}
	if o.Models == 0 {
		o.Models = shapes[o.Shape].models
	}
	if o.Versions == 0 {
		o.Versions = shapes[o.Shape].versions
	}
	if len(o.Environments) == 0 {
		o.Environments = []string{"production", "staging"}
	}
	if o.From.IsZero() {
		o.From = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.To.IsZero() {
		o.To = o.From.Add(90 * 24 * time.Hour)
	}
	if o.LateBy == 0 {
		o.LateBy = 6 * time.Hour
	}
	if o.DriftOver == 0 {
		o.DriftOver = 12 * time.Hour
	}
	if o.DriftFactor == 0 {
		o.DriftFactor = 4
	}
	return o
}

// plain reports whether name needs no escaping in JSON, so that lines can be written without looking at it again.
func plain(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return len(name) >= 1 && len(name) <= 64
}
