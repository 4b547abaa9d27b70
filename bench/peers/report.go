//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// The report is what results.md.tmpl makes of the ledger: explanations are written there, figures come from here.
//
//go:embed results.md.tmpl
var reportText string

// view is what the template sees.
type view struct{ figures }

func writeReport(l *ledger, file string) error {
	parsed, err := template.New("results").Parse(reportText)
	if err != nil {
		return err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, view{figures{l}}); err != nil {
		return err
	}
	text := regexp.MustCompile(`\n{3,}`).ReplaceAllString(out.String(), "\n\n") // what a condition left out
	return os.WriteFile(file, []byte(text), 0o644)
}

// table writes rows in Markdown, the first of which is the head. Rows of nothing but dashes are left out.
func table(rows [][]string) string {
	var out strings.Builder
	for i, row := range rows {
		if i > 0 && !slices.ContainsFunc(row[1:], func(text string) bool { return text != "–" }) {
			continue
		}
		out.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func joined(flags []string) string { return strings.Join(flags, " ") }

func (v view) MemoryText() string { return bytesText(float64(v.Machine.Memory)) }

func (v view) RowsText() string { return short(v.Rows) }

func (v view) SmallText() string { return short(v.Rows / 10) }

// AckQueue is how many rows are under way in the acks' measurement.
func (v view) AckQueue() string { return thousands(ackClients * ackRows) }

func (v view) Growth() string {
	if large := v.large(); large.Rows > v.Rows {
		return strconv.FormatInt(large.Rows, 10)
	}
	return ""
}

func (v view) VersionsText() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v.Versions)) {
		parts = append(parts, name+" "+v.Versions[name])
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Short says whether a budget of that key was missed.
func (v view) Short(key string) bool {
	return slices.ContainsFunc(v.budgets(), func(b budget) bool { return b.key == key && b.verdict() == "**not met**" })
}

func (v view) Budgets() string {
	rows := [][]string{{"budget", "figure", "must be", ""}}
	for _, b := range v.budgets() {
		rows = append(rows, []string{b.text, b.show(b.figure), b.bound(), b.verdict()})
	}
	return table(rows)
}

// comparison is one way in which Residual is better than a peer, so many times; below one it is worse.
type comparison struct {
	key, text string // the template explains a loss under key
	better    func(peer string) float64
}

func (v view) comparisons() []comparison {
	name := v.mainName()
	lower := func(engine, measure string) func(string) float64 {
		return func(peer string) float64 { return v.median(name, peer, measure) / v.median(name, engine, measure) }
	}
	all := []comparison{
		{"load", "load over HTTP, synced: rows/s", func(peer string) float64 { return v.rate(name, residualName) / v.rate(name, peer) }},
		{"cpu", "load: CPU of engine and loader", func(peer string) float64 { return v.median(name, peer, loadCPU) / v.allCPU(name) }},
		{"peak", "load: memory at most, engine and loader", lower(residualName, loadPeak)},
		{"disk", "bytes on disk", lower(residualName, bytesOnDisk)},
	}
	for _, q := range questions() {
		all = append(all, comparison{"questions", q.name + ", over HTTP: p50", lower(residualName, askMs+q.name)})
	}
	for _, q := range questions() {
		all = append(all, comparison{"questions", q.name + ", library: p50", lower(libraryName, askMs+q.name)})
	}
	for _, clients := range clientCounts {
		measure := fmt.Sprint(askRate, clients)
		all = append(all, comparison{"rate", fmt.Sprintf("questions/s over HTTP, %d at a time", clients), func(peer string) float64 {
			return v.median(name, residualName, measure) / v.median(name, peer, measure)
		}})
	}
	return append(all,
		comparison{"restart", "restart to first answer", lower(residualName, restartMs)},
		comparison{"resident", "resident memory after the questions", lower(residualName, residentBytes)})
}

func ratioPeers() []string { return []string{clickhouseName, clickhouseRollupName, duckdbName} }

// Ratios says how many times better Residual is than each peer.
func (v view) Ratios() string {
	rows := [][]string{append([]string{"Residual is better by"}, ratioPeers()...)}
	for _, c := range v.comparisons() {
		row := []string{c.text}
		for _, peer := range ratioPeers() {
			row = append(row, ratio(c.better(peer)))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// Worse says whether Residual loses to any peer in what has that key.
func (v view) Worse(key string) bool {
	return slices.ContainsFunc(v.comparisons(), func(c comparison) bool {
		return c.key == key && slices.ContainsFunc(ratioPeers(), func(peer string) bool { return c.better(peer) < 1 })
	})
}

// allCPU is what Residual's server and loader need together.
func (v view) allCPU(dataset string) float64 {
	return v.median(dataset, residualName, loadCPU) + v.median(dataset, residualName, loaderCPU)
}

// allEngines in the order of the tables.
func allEngines() []string {
	return []string{
		residualName, residualNeverName, libraryName, clickhouseName, clickhouseRollupName, clickhouseZSTDName, duckdbName,
	}
}

func (v view) Loads() string {
	name := v.mainName()
	rows := [][]string{{"", "rows/s", "of the runs", "CPU s per M rows", "memory at most", "bytes per row on disk", "a load that was answered is"}}
	for _, engine := range allEngines() {
		s := v.at(name, engine, loadSeconds)
		if s == nil {
			continue
		}
		millions := v.rowsOf(name) / 1e6
		cpu := cell(v.median(name, engine, loadCPU) / millions)
		if loader := v.median(name, engine, loaderCPU); !math.IsNaN(loader) {
			cpu += " + " + cell(loader/millions)
		}
		rows = append(rows, []string{
			engine, thousands(v.rate(name, engine)), s.spread(func(seconds float64) float64 { return v.rowsOf(name) / seconds }, thousands),
			cpu, bytesText(v.median(name, engine, loadPeak)), cell(v.perRow(name, engine, bytesOnDisk)), v.Guarantees[engine],
		})
	}
	return table(rows)
}

// Questions has p50, the spread of the runs' p50, and p99 of all.
func (v view) Questions() string {
	name := v.mainName()
	head := []string{"p50 (of the runs), p99"}
	for _, q := range questions() {
		head = append(head, q.name)
	}
	rows := [][]string{head}
	for _, engine := range allEngines() {
		row := []string{engine}
		for _, q := range questions() {
			s := v.at(name, engine, askMs+q.name)
			if s == nil {
				row = append(row, "–")
				continue
			}
			row = append(row, fmt.Sprintf("**%s** (%s), %s",
				times(v.median(name, engine, askMs+q.name)), s.spread(same, times), times(v.p99(name, engine, askMs+q.name))))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (v view) Rates() string {
	name := v.mainName()
	head := []string{"metrics 24 h, questions/s"}
	for _, clients := range clientCounts {
		head = append(head, fmt.Sprintf("%d at a time", clients))
	}
	rows := [][]string{append(head, "restart to first answer", "resident memory then")}
	for _, engine := range allEngines() {
		row := []string{engine}
		for _, clients := range clientCounts {
			row = append(row, cell(v.median(name, engine, fmt.Sprint(askRate, clients))))
		}
		row = append(row, times(v.median(name, engine, restartMs)), bytesText(v.median(name, engine, residentBytes)))
		rows = append(rows, row)
	}
	return table(rows)
}

func (v view) Shapes() string {
	rows := [][]string{{"", "", "rows/s", "bytes per row on disk", "metrics 24 h, p50", "metrics 90 d, p50", "drift 6 h / 168 h, p50"}}
	for _, shape := range allShapes() {
		name := shape.dataset(v.Rows / 10).name
		for _, engine := range allEngines() {
			row := []string{shape.name, engine, cell(v.rate(name, engine)), cell(v.perRow(name, engine, bytesOnDisk))}
			for _, q := range []question{metrics24h(), metrics90d(), drift168h()} {
				row = append(row, times(v.median(name, engine, askMs+q.name)))
			}
			if v.at(name, engine, loadSeconds) != nil || v.at(name, engine, askMs+metrics24h().name) != nil {
				rows = append(rows, row)
			}
		}
	}
	return table(rows)
}

func (v view) Grown() string {
	rows := [][]string{{
		"rows", "rows/s", "bytes per row on disk", "resident bytes per row", "metrics 90 d over HTTP", "in the library",
		"drift 6 h / 168 h over HTTP", "in the library", "restart", "after a crash",
	}}
	for _, d := range v.Datasets {
		if !strings.HasPrefix(d.Name, mainShape().name) {
			continue
		}
		rows = append(rows, []string{
			short(d.Rows), cell(v.rate(d.Name, residualName)), cell(v.perRow(d.Name, residualName, bytesOnDisk)),
			cell(v.perRow(d.Name, residualName, residentBytes)),
			times(v.median(d.Name, residualName, askMs+metrics90d().name)), times(v.median(d.Name, libraryName, askMs+metrics90d().name)),
			times(v.median(d.Name, residualName, askMs+drift168h().name)), times(v.median(d.Name, libraryName, askMs+drift168h().name)),
			times(v.median(d.Name, residualName, restartMs)), times(v.median(d.Name, residualName, crashMs)),
		})
	}
	return table(rows)
}

func (v view) Crowds() string {
	rows := [][]string{{"", "rows", "rows/s", "bytes per row on disk", "resident memory", "one answer about all"}}
	for _, name := range [...]string{manyModels, manyVersions} {
		rows = append(rows, []string{
			name, cell(v.rowsOf(name)), cell(v.rate(name, residualName)), cell(v.perRow(name, residualName, bytesOnDisk)),
			bytesText(v.median(name, residualName, residentBytes)), times(v.median(name, residualName, countMs)),
		})
	}
	return table(rows)
}

func (v view) Acks() string {
	name := v.mainName()
	rows := [][]string{{fmt.Sprintf("%d clients, %d rows a request", ackClients, ackRows), "rows/s", "of the runs", "ack p50", "p99", "requests per sync"}}
	for _, engine := range [...]string{residualName, residualNeverName} {
		rows = append(rows, []string{
			engine, cell(v.median(name, engine, ackRate)), v.at(name, engine, ackRate).spread(same, cell),
			times(v.median(name, engine, ackMs)), times(v.p99(name, engine, ackMs)), cell(v.median(name, engine, ackPerSync)),
		})
	}
	return table(rows)
}

// UnderIngest has the times of one question beside a load and after it.
func (v view) UnderIngest() string {
	name := v.mainName()
	rows := [][]string{{"metrics 24 h over HTTP, one client", "p50", "p99"}}
	for _, c := range [...][2]string{{"while the same day is taken in at full speed", underIngestMs}, {"after that", afterIngestMs}} {
		rows = append(rows, []string{c[0], times(v.median(name, residualName, c[1])), times(v.p99(name, residualName, c[1]))})
	}
	return table(rows)
}

func (v view) Files() string {
	rows := [][]string{{"workload", "rows", "bytes per row", "made by residual generate with"}}
	for _, d := range v.Datasets {
		perRow := "streamed"
		if d.Bytes > 0 {
			perRow = cell(float64(d.Bytes) / float64(d.Rows))
		}
		rows = append(rows, []string{d.Name, cell(float64(d.Rows)), perRow, "`" + d.Flags + "`"})
	}
	return table(rows)
}

// CrashLog is what the log held when the server was killed.
func (v view) CrashLog() string {
	name := v.mainName()
	return fmt.Sprintf("%s rows in %s", cell(v.median(name, residualName, crashLogRows)), bytesText(v.median(name, residualName, crashLogBytes)))
}
