package httpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", name))
	require.NoError(t, err)
	return string(data)
}

// TestErrorsLinkToWhatIsThere follows the links of all golden errors.
func TestErrorsLinkToWhatIsThere(t *testing.T) {
	headings := map[string]bool{}
	for line := range strings.Lines(document(t, "http.md")) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			headings[strings.ToLower(strings.ReplaceAll(title, " ", "-"))] = true
		}
	}
	link := regexp.MustCompile(`"documentation":"([^"]*)"`)
	for _, c := range goldenCases {
		answer, err := os.ReadFile(filepath.Join("testdata", "golden", c.name+".txt"))
		require.NoError(t, err)
		if found := link.FindSubmatch(answer); found != nil {
			page, section, _ := strings.Cut(string(found[1]), "#")
			require.Equal(t, "https://github.com/residualdb/residual/blob/main/docs/http.md", page)
			require.True(t, headings[section], "%s links to %s", c.name, section)
		}
	}
}

// TestDocumentedLimits compares the table of limits with the code.
func TestDocumentedLimits(t *testing.T) {
	text := document(t, "http.md")
	l := httpapi.DefaultLimits()
	size := func(n int64) string {
		if n%(1<<20) == 0 {
			return fmt.Sprintf("%d MiB", n>>20)
		}
		return fmt.Sprintf("%d KiB", n>>10)
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%d s", d/time.Second) }
	for _, row := range []string{
		fmt.Sprintf("| header lines of a request | %s | 431 |", size(httpapi.HeadBytesMax)),
		fmt.Sprintf("| query string; path | %s; %s | 414 |", size(httpapi.QueryBytesMax), size(httpapi.PathBytesMax)),
		fmt.Sprintf("| body, sent and decompressed | %s | 413 |", size(l.BodyBytesMax)),
		fmt.Sprintf("| body of a query | %s | 413 |", size(httpapi.ParameterBytesMax)),
		fmt.Sprintf("| time for a head; for a body | %s; %s | 408 |", seconds(l.HeaderTimeout), seconds(l.BodyTimeout)),
		fmt.Sprintf("| time for taking an answer, or the next piece of a long one; between requests | %s; %s |", seconds(l.WriteTimeout), seconds(l.IdleTimeout)),
		fmt.Sprintf("| time of a long answer to its last byte | %d min |", l.AnswerTimeout/time.Minute),
		fmt.Sprintf("| memory of long answers, all together | %s | 503;", size(l.AnswerBytesMax)),
		fmt.Sprintf("An answer of up to %s is sent whole", size(httpapi.AnswerPieceBytes)),
		fmt.Sprintf("at %s a second on average", size(httpapi.AnswerBytesPerSecond)),
		fmt.Sprintf("| time of a query; of queueing a batch | %s; %s | 503 |", seconds(l.QueryTimeout), seconds(l.AppendTimeout)),
		fmt.Sprintf("| wait of events for a slot | %d ms | 503 |", l.AdmitTimeout/time.Millisecond),
		fmt.Sprintf("| bodies in flight, all together | %s | 503 |", size(l.InFlightBytesMax)),
		fmt.Sprintf("| requests taken in at once; queries at once | %d; %d | 503 |", l.IngestsMax, l.QueriesMax),
		fmt.Sprintf("| connections; from one address | %d; %d | 503; 429 |", l.ConnsMax, l.ConnsPerIPMax),
		fmt.Sprintf("| backups at once; held without being asked for | %d; %s | 503;", l.BackupsMax, seconds(l.BackupLease)),
		fmt.Sprintf("| requests on one connection | %d |", httpapi.RequestsPerConnMax),
		fmt.Sprintf("more than %d times", httpapi.ExpansionMax),
		fmt.Sprintf("`Idempotency-Key: <1 to %d printable", httpapi.KeyBytesMax),
		fmt.Sprintf("The last %d keys are remembered, each for %d days", engine.KeysMax, engine.KeysAge/(24*time.Hour)),
		fmt.Sprintf("the first %d models", httpapi.DefaultModelGauges),
	} {
		require.Contains(t, text, row)
	}
}

// TestEveryBoundHasATest holds docs/bounds.md to tests that there are, and to every bound of docs/http.md.
func TestEveryBoundHasATest(t *testing.T) {
	text := document(t, "bounds.md")
	tests := map[string]bool{}
	for _, pattern := range []string{"*/*_test.go", "*/*/*_test.go", "*/*/*/*_test.go"} {
		names, err := filepath.Glob(filepath.Join("..", pattern))
		require.NoError(t, err)
		for _, name := range names {
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
				tests[string(match[1])] = true
			}
		}
	}
	named := regexp.MustCompile(`\bTest\w+`).FindAllString(text, -1)
	require.Greater(t, len(named), 30)
	for _, name := range named {
		require.Contains(t, tests, name)
	}
	_, limits, _ := strings.Cut(document(t, "http.md"), "\n## Limits\n")
	limits, _, _ = strings.Cut(limits, "\n\nA body is")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(limits, -1)
	require.Greater(t, len(rows), 15)
	for _, row := range rows[1:] {
		require.Contains(t, text, "| "+row[1]+" | Test")
	}
}

// TestDocumentedParameters finds each parameter of each pipe in its table.
func TestDocumentedParameters(t *testing.T) {
	server := start(t, httpapi.Options{})
	_, body := server.do(t, "GET", "/v0/pipes/openapi.json", nil)
	var api struct {
		Components struct {
			Parameters map[string]struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &api))
	require.NotEmpty(t, api.Components.Parameters)
	_, table, _ := strings.Cut(document(t, "http.md"), "## Parameters")
	table, _, _ = strings.Cut(table, "## Compression")
	for _, parameter := range api.Components.Parameters {
		require.Contains(t, table, "`"+parameter.Name+"`")
	}
}

// TestRulesAreShown finds the rules that are shipped in their document.
func TestRulesAreShown(t *testing.T) {
	rules := document(t, filepath.Join("grafana", "rules.yml"))
	text := document(t, "grafana.md")
	require.Contains(t, text, "```yaml\n"+rules+"```\n")
	_, table, _ := strings.Cut(text, "| what happens | alert |")
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		require.Contains(t, table, "`"+alert[1]+"`")
	}
}

// TestDashboardsNameWhatIsScraped looks up each metric of the documents, the rules and the dashboard in /metrics.
func TestDashboardsNameWhatIsScraped(t *testing.T) {
	server := start(t, httpapi.Options{Connectors: twoConnectors()})
	_, body := server.do(t, "GET", "/metrics", nil)
	known := map[string]bool{}
	for line := range strings.Lines(body) {
		if comment := commentLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); comment != nil {
			known[comment[2]] = true
		}
	}
	name := regexp.MustCompile(`\bresidual_[a-z_]*[a-z]\b`)
	for _, file := range []string{
		"http.md", "grafana.md", "datasources.md",
		filepath.Join("grafana", "residual.json"), filepath.Join("grafana", "rules.yml"), filepath.Join("grafana", "rules.test.yml"),
	} {
		names := name.FindAllString(document(t, file), -1)
		require.NotEmpty(t, names)
		for _, metric := range names {
			base := strings.TrimSuffix(metric, "_bucket")
			require.True(t, known[base] || base == "residual_http" || base == "residual_http_datasource" || base == "residual_connector" || base == "residual_connector_lag" || base == "residual_log", "%s names %s", file, metric)
		}
	}
}

// TestDashboard checks what Grafana would show an error or nothing for: the version of the schema, where panels lie,
// what they ask and in which unit they show it.
func TestDashboard(t *testing.T) {
	type source struct{ Type, UID string }
	var dashboard struct {
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type, Query any }
		}
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource source
			GridPos    struct{ X, Y, W, H int }
			Targets    []struct{ RefID, Expr string }

			FieldConfig struct {
				Defaults struct{ Unit string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(document(t, filepath.Join("grafana", "residual.json"))), &dashboard))
	require.GreaterOrEqual(t, dashboard.SchemaVersion, 39)
	require.Equal(t, "prometheus", dashboard.Templating.List[0].Name)
	require.Equal(t, "datasource", dashboard.Templating.List[0].Type)
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for i := range dashboard.Panels {
		p := &dashboard.Panels[i]
		require.False(t, ids[p.ID], "%s has the id of another", p.Title)
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[at], "%s lies over it", p.Title)
				require.Less(t, at[0], 24, p.Title)
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.Contains(t, []string{"timeseries", "bargauge", "stat"}, p.Type)
		require.Equal(t, source{"prometheus", "${prometheus}"}, p.Datasource, p.Title)
		require.Contains(t, []string{"percentunit", "short", "s", "bytes", "rowsps", "reqps", "bool_yes_no"}, p.FieldConfig.Defaults.Unit, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			require.NotEmpty(t, target.RefID, p.Title)
			require.Contains(t, target.Expr, "residual_", p.Title)
		}
	}
}
