//go:build linux

package main

import (
	"encoding/json"
	"os"
	"slices"
)

// ledger holds every sample that was taken, in the order of the runs, and what there is to know about them.
type ledger struct {
	Machine  machine
	Rows     int64 // of the main dataset
	Runs     int
	Took     string            // of the whole program
	Versions map[string]string // of the peers
	Missing  map[string]string // peers that could not be had, and why
	Datasets []described

	Guarantees map[string]string // by engine

	Samples []*samples
}

// described is how a dataset is made.
type described struct {
	Name  string
	Rows  int64
	Bytes int64 // 0 for one that was streamed
	Flags string
}

// samples are the values of one measure.
type samples struct {
	Dataset, Engine, Measure string

	// Values has one value per run. For a latency that is the run's median; Pooled then has every single time.
	Values []float64
	Pooled []float64 `json:",omitempty"`
}

func (l *ledger) at(dataset, engine, measure string) *samples {
	for _, s := range l.Samples {
		if s.Dataset == dataset && s.Engine == engine && s.Measure == measure {
			return s
		}
	}
	return nil
}

func (l *ledger) add(dataset, engine, measure string, value float64) *samples {
	s := l.at(dataset, engine, measure)
	if s == nil {
		s = &samples{Dataset: dataset, Engine: engine, Measure: measure}
		l.Samples = append(l.Samples, s)
	}
	s.Values = append(s.Values, value)
	return s
}

// addTimes adds the median of a run's times, and the times to the pool.
func (l *ledger) addTimes(dataset, engine, measure string, times []float64) {
	s := l.add(dataset, engine, measure, quantile(times, 0.5))
	s.Pooled = append(s.Pooled, times...)
}

// median of the runs; ok is false if nothing was measured.
func (s *samples) median() (value float64, ok bool) {
	if s == nil {
		return 0, false
	}
	return quantile(s.Values, 0.5), true
}

// p99 of all single times.
func (s *samples) p99() (value float64, ok bool) {
	if s == nil || len(s.Pooled) == 0 {
		return 0, false
	}
	return quantile(s.Pooled, 0.99), true
}

// quantile returns the value below which a share q of all lies; of an even number the median is the mean of the middle two.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if q == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[min(n-1, int(q*float64(n)))]
}

func (l *ledger) save(file string) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

func (l *ledger) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, l)
}
