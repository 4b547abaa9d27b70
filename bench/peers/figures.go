//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
)

// figures reads medians and ratios out of a ledger. What was not measured is NaN, and is written as a dash.
type figures struct{ *ledger }

// mainName is the dataset that everything is measured on.
func (f figures) mainName() string { return mainShape().dataset(f.Rows).name }

// smallName is the same workload with a tenth of the rows.
func (f figures) smallName() string { return mainShape().dataset(f.Rows / 10).name }

// largeName is the largest of the main workload, and its rows.
func (f figures) large() described {
	large := described{Name: f.mainName(), Rows: f.Rows}
	for _, d := range f.Datasets {
		if strings.HasPrefix(d.Name, mainShape().name) && d.Rows > large.Rows {
			large = d
		}
	}
	return large
}

func (f figures) rowsOf(dataset string) float64 {
	for _, d := range f.Datasets {
		if d.Name == dataset {
			return float64(d.Rows)
		}
	}
	return math.NaN()
}

func (f figures) median(dataset, engine, measure string) float64 {
	if value, ok := f.at(dataset, engine, measure).median(); ok {
		return value
	}
	return math.NaN()
}

func (f figures) p99(dataset, engine, measure string) float64 {
	if value, ok := f.at(dataset, engine, measure).p99(); ok {
		return value
	}
	return math.NaN()
}

// rate is rows per second of a load.
func (f figures) rate(dataset, engine string) float64 {
	return f.rowsOf(dataset) / f.median(dataset, engine, loadSeconds)
}

// perRow is a measure in bytes, by row.
func (f figures) perRow(dataset, engine, measure string) float64 {
	return f.median(dataset, engine, measure) / f.rowsOf(dataset)
}

// fasterPeer is the plain peer that loads the dataset faster; "" if there is none.
func (f figures) fasterPeer(dataset string) string {
	best := ""
	for _, name := range [...]string{clickhouseName, duckdbName} {
		if rate := f.rate(dataset, name); !math.IsNaN(rate) && (best == "" || rate > f.rate(dataset, best)) {
			best = name
		}
	}
	return best
}

// cell writes a number with about three digits.
func cell(value float64) string {
	abs := math.Abs(value)
	switch {
	case math.IsNaN(value):
		return "–"
	case abs >= 10_000:
		return thousands(math.Round(value))
	case abs >= 100 || value == 0:
		return fmt.Sprintf("%.0f", value)
	case abs >= 10:
		return fmt.Sprintf("%.1f", value)
	case abs >= 1:
		return fmt.Sprintf("%.2f", value)
	case abs >= 0.1:
		return fmt.Sprintf("%.3f", value)
	}
	return fmt.Sprintf("%.2g", value)
}

// thousands writes a whole number in groups of three digits.
func thousands(value float64) string {
	text := fmt.Sprintf("%.0f", value)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// times writes a time given in milliseconds in the unit that suits it.
func times(ms float64) string {
	switch {
	case math.IsNaN(ms):
		return "–"
	case ms < 0.1:
		return cell(ms*1000) + " µs"
	case ms < 1000:
		return cell(ms) + " ms"
	}
	return cell(ms/1000) + " s"
}

// spread writes the least and the greatest of the runs, turned into what is shown.
func (s *samples) spread(turned func(float64) float64, show func(float64) string) string {
	if s == nil {
		return "–"
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, value := range s.Values {
		low, high = min(low, turned(value)), max(high, turned(value))
	}
	return show(low) + " to " + show(high)
}

func same(value float64) float64 { return value }

// bytesText writes an amount of memory.
func bytesText(value float64) string {
	switch {
	case math.IsNaN(value):
		return "–"
	case value >= 1<<30:
		return cell(value/(1<<30)) + " GiB"
	case value >= 1<<20:
		return cell(value/(1<<20)) + " MiB"
	case value >= 1<<10:
		return cell(value/(1<<10)) + " KiB"
	}
	return cell(value) + " B"
}
