//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// dataset is a file of events, and what is asked about in it.
type dataset struct {
	name string
	rows int64

	// flags of residual generate make the file.
	flags []string
	file  string
	bytes int64

	// asked is the series of the file's last row in production, so that even bursts leave it rows in every window.
	asked series

	// asOf stands in for now() in every question: the end of the data.
	asOf time.Time

	// rfc3339 says that timestamps are written with a T and a Z, which some engines read only when told.
	rfc3339 bool
}

type series struct {
	Model       string `json:"model_id"`
	Version     string `json:"model_version"`
	Environment string `json:"environment"`
}

// shape is a character of a workload, as flags of residual generate. All have one version per model, so that every
// window of the series asked about has rows, but for the shape that is about versions.
type shape struct {
	name  string
	flags []string
}

// mainShape is what everything is measured on: 40 models, 90 days, two rows in a hundred up to six hours late.
func mainShape() shape {
	return shape{"2 % late", []string{"--versions", "1"}}
}

func uuidShape() shape {
	return shape{"UUIDs, free-form features", []string{"--shape", "uuid", "--versions", "1"}}
}

// allShapes begins with the main one.
func allShapes() []shape {
	return []shape{
		mainShape(),
		{"steady", []string{"--versions", "1", "--late-share", "0"}},
		{"bursty", []string{"--shape", "bursty", "--versions", "1"}},
		{"many models", []string{"--shape", "many-models", "--versions", "1"}},
		{"many versions", []string{"--shape", "many-versions"}},
		uuidShape(),
	}
}

// end is where the data of all shapes ends.
func end() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// dataset of the shape that is still to be made.
func (s shape) dataset(rows int64) dataset {
	return dataset{
		name: fmt.Sprintf("%s, %s rows", s.name, short(rows)), rows: rows, asOf: end(), rfc3339: s.name == uuidShape().name,
		flags: append([]string{"--rows", strconv.FormatInt(rows, 10), "--to", end().Format(time.DateOnly)}, s.flags...),
	}
}

// nextDay is a day of events that follow those of the shapes.
func nextDay(rows int64) dataset {
	to := end().AddDate(0, 0, 1)
	return dataset{
		name: fmt.Sprintf("the next day, %s rows", short(rows)), rows: rows, asOf: to,
		flags: []string{"--rows", strconv.FormatInt(rows, 10), "--days", "1", "--to", to.Format(time.DateOnly), "--versions", "1", "--seed", "2"},
	}
}

// make writes the file, syncs it so that nothing is left to write while engines are measured, and finds the series to
// ask about.
func (d *dataset) make(ctx context.Context, program, dir string) error {
	d.file = filepath.Join(dir, strings.NewReplacer(" ", "-", ",", "", "%", "").Replace(d.name)+".ndjson")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	generate := exec.CommandContext(ctx, program, append([]string{"generate", "--output", d.file}, d.flags...)...)
	if out, err := generate.CombinedOutput(); err != nil {
		return fmt.Errorf("residual generate %s: %w: %s", strings.Join(d.flags, " "), err, bytes.TrimSpace(out))
	}
	file, err := os.Open(d.file)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	if err := file.Sync(); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	d.bytes = info.Size()
	tail := make([]byte, min(d.bytes, 64<<10))
	if _, err := file.ReadAt(tail, d.bytes-int64(len(tail))); err != nil {
		return err
	}
	d.asked, err = lastProduction(tail)
	return err
}

func lastProduction(tail []byte) (series, error) {
	lines := bytes.Split(bytes.TrimSpace(tail), []byte("\n"))
	for i := len(lines) - 1; i > 0; i-- {
		var s series
		if err := json.Unmarshal(lines[i], &s); err != nil {
			return s, err
		}
		if s.Environment == "production" {
			return s, nil
		}
	}
	return series{}, fmt.Errorf("no row in production among the last %d", len(lines))
}

// short writes a number of rows as people say it: 200 k, 10 M.
func short(rows int64) string {
	switch {
	case rows >= 1_000_000:
		return strconv.FormatFloat(math.Round(float64(rows)/1e4)/100, 'g', -1, 64) + " M"
	case rows%1000 == 0:
		return fmt.Sprintf("%d k", rows/1000)
	}
	return strconv.FormatInt(rows, 10)
}
