//go:build linux

package main

import (
	"fmt"
	"math"
)

// budget is one promise of the design and what was measured of it.
type budget struct {
	key    string // under which results.md.tmpl explains a miss
	text   string
	figure float64
	limit  float64
	least  bool // the limit is the least that will do, not the most
	show   func(float64) string
}

// verdict is met, not met or not measured.
func (b budget) verdict() string {
	switch {
	case math.IsNaN(b.figure):
		return "not measured"
	case b.least && b.figure >= b.limit, !b.least && b.figure <= b.limit:
		return "met"
	}
	return "**not met**"
}

func (b budget) bound() string {
	if b.least {
		return "≥ " + b.show(b.limit)
	}
	return "≤ " + b.show(b.limit)
}

// budgets are the rows of the design's section on budgets, in its order.
func (f figures) budgets() []budget {
	return append(append(f.queryBudgets(), f.storeBudgets()...), f.serverBudgets()...)
}

func (f figures) queryBudgets() []budget {
	name := f.mainName()
	library := func(q question) float64 { return f.median(name, libraryName, askMs+q.name) }
	http := func(q question) float64 { return f.median(name, residualName, askMs+q.name) }
	large := f.large()
	small := f.smallName()
	flat := f.median(large.Name, libraryName, askMs+metrics90d().name) / f.median(small, libraryName, askMs+metrics90d().name)
	flatHTTP := f.median(large.Name, residualName, askMs+metrics90d().name) / f.median(small, residualName, askMs+metrics90d().name)
	growth := fmt.Sprintf("%s rows against %s", short(large.Rows), short(f.Rows/10))
	return []budget{
		{"load", "load over HTTP, synced, against the faster peer in the same run", f.rate(name, residualName) / f.rate(name, f.fasterPeer(name)), 2, true, ratio},
		{"library", "metrics 24 h, library, p50", library(metrics24h()), 0.010, false, times},
		{"http", "metrics 24 h, HTTP, p50", http(metrics24h()), 0.150, false, times},
		{"library", "metrics 90 d, library, p50", library(metrics90d()), 0.010, false, times},
		{"http", "metrics 90 d, HTTP, p50", http(metrics90d()), 0.150, false, times},
		{"flat", "metrics 90 d, library, " + growth, flat, 1.5, false, ratio},
		{"flat", "metrics 90 d, HTTP, " + growth, flatHTTP, 1.5, false, ratio},
		{"library", "drift 6 h / 168 h, library, p50", library(drift168h()), 0.020, false, times},
	}
}

func (f figures) storeBudgets() []budget {
	name, large := f.mainName(), f.large()
	crash := f.median(large.Name, residualName, crashMs)
	logBytes := f.median(large.Name, residualName, crashLogBytes)
	replayed := f.median(name, residualName, crashLogRows)
	replay := replayed / ((f.median(name, residualName, crashMs) - f.median(name, residualName, restartMs)) / 1000)
	return []budget{
		{"disk", "bytes per row on disk, settled", f.perRow(name, residualName, bytesOnDisk), 16, false, cell},
		{"memory", fmt.Sprintf("resident bytes per row, all columns in memory, %s rows", short(large.Rows)), f.perRow(large.Name, residualName, residentBytes), 24, false, cell},
		{"models", "an idle model, of " + manyModels + " with ten rows each", f.median(manyModels, residualName, residentBytes) / 100_000, 4096, false, bytesText},
		{"crowds", manyModels + " work: share of the rows in one answer about all", f.counted(manyModels), 1, true, ratio},
		{"crowds", manyVersions + " work: the same", f.counted(manyVersions), 1, true, ratio},
		{"restart", fmt.Sprintf("restart after a crash to the first answer, %s rows sealed, %s of log (the design: 100 M and 256 MiB)", short(large.Rows), bytesText(logBytes)), crash, 2000, false, times},
		{"replay", "replay of the log, rows/s", replay, 2e6, true, cell},
	}
}

// counted is 1 where a crowd was counted: a wrong count ends the program.
func (f figures) counted(name string) float64 {
	if math.IsNaN(f.median(name, residualName, countMs)) {
		return math.NaN()
	}
	return 1
}

func (f figures) serverBudgets() []budget {
	name := f.mainName()
	most := math.NaN()
	for _, clients := range clientCounts {
		if rate := f.median(name, residualName, fmt.Sprint(askRate, clients)); !(rate <= most) {
			most = rate
		}
	}
	synced := f.median(name, residualName, ackRate) / f.median(name, residualNeverName, ackRate)
	return []budget{
		{"ack", fmt.Sprintf("ack p99, %d clients, %d rows a request", ackClients, ackRows), f.p99(name, residualName, ackMs), 25, false, times},
		{"sync", "sync before the answer keeps of the throughput without", synced, 0.7, true, ratio},
		{"ingest", "query p99 under full ingest", f.p99(name, residualName, underIngestMs), 5, false, times},
		{"rate", "metrics queries/s over HTTP", most, 40_000, true, cell},
	}
}

func ratio(value float64) string {
	if math.IsNaN(value) {
		return "–"
	}
	return cell(value) + " x"
}
