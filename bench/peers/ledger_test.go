//go:build linux

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuantile(t *testing.T) {
	require.Equal(t, 3.0, quantile([]float64{5, 3, 1}, 0.5))
	require.Equal(t, 2.0, quantile([]float64{3, 1}, 0.5))
	require.Equal(t, 7.0, quantile([]float64{7}, 0.99))
	hundred := make([]float64, 200)
	for i := range hundred {
		hundred[i] = float64(i)
	}
	require.Equal(t, 198.0, quantile(hundred, 0.99))
}

// TestReportOfNothing renders a report of a run that measured only a load: what is missing must not be a figure.
func TestReportOfNothing(t *testing.T) {
	dir := t.TempDir()
	l := ledger{Rows: 1_000_000, Runs: 2, Missing: map[string]string{"DuckDB": "npm is not installed"}}
	main := mainShape().dataset(l.Rows)
	l.Datasets = append(l.Datasets, described{Name: main.name, Rows: main.rows, Bytes: 265_000_000})
	l.add(main.name, residualName, loadSeconds, 1)
	l.add(main.name, residualName, loadSeconds, 3)
	require.NoError(t, l.save(filepath.Join(dir, "samples.json")))

	var again ledger
	require.NoError(t, again.read(filepath.Join(dir, "samples.json")))
	v := view{figures{&again}}
	require.Contains(t, v.Loads(), "| Residual | 500,000 | 333,333 to 1,000,000 |")
	for _, b := range v.budgets() {
		require.Equal(t, "not measured", b.verdict(), b.text)
	}
	require.NoError(t, writeReport(&again, filepath.Join(dir, "RESULTS.md")))
}
