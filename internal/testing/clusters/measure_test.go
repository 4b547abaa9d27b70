package clusters_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

var (
	measuredRows  = flag.Int64("cluster.rows", 0, "rows of TestMeasure, which measures a cluster beside ClickHouse itself; 0 leaves it out")
	measuredTimes = flag.Int("cluster.asked", 100, "how often TestMeasure asks each question")
)

// TestMeasure loads the same file by ClickHouse's own client into the tutorial's table, and through two servers into a store, on one, two and four
// shards, and asks the same of both, in turn. It asserts nothing of speed: it prints what it has measured.
func TestMeasure(t *testing.T) {
	if *measuredRows == 0 {
		t.Skip("without -cluster.rows there is nothing to measure: run make cluster-measure")
	}
	binary := build(t)
	files := makeFiles(t, binary)
	for _, shards := range []int{1, 2, 4} {
		t.Run(fmt.Sprint("shards=", shards), func(t *testing.T) { measure(t, binary, files, shards) })
	}
}

// makeFiles generates rows up to now in two files, one for each server.
func makeFiles(t *testing.T, binary string) []string {
	t.Helper()
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.ndjson")
	out, err := exec.Command(binary, "generate", "--rows", strconv.FormatInt(*measuredRows, 10), "--versions", "1", "--to", "now", "--output", whole).CombinedOutput()
	require.NoError(t, err, string(out))
	content, err := os.ReadFile(whole)
	require.NoError(t, err)
	half := len(content)/2 + bytes.IndexByte(content[len(content)/2:], '\n') + 1
	files := []string{filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "b.ndjson"), whole}
	require.NoError(t, os.WriteFile(files[0], content[:half], 0o600))
	require.NoError(t, os.WriteFile(files[1], content[half:], 0o600))
	return files
}

// tutorialTables are the tutorial's, one with the order that suits questions about one model, and the sums of each minute beside them.
var tutorialTables = []string{
	"CREATE DATABASE tutorial",
	"CREATE TABLE tutorial.rows (timestamp DateTime('UTC'), model_id String, prediction_id String, features String, predicted_value Float64, actual_value Float64, model_version String, environment String) " +
		"ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (timestamp, model_id, prediction_id)",
	"CREATE TABLE tutorial.ordered AS tutorial.rows ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (model_id, environment, model_version, timestamp)",
	"CREATE TABLE tutorial.minutes (minute DateTime('UTC'), model_id String, model_version String, environment String, predictions UInt64, absolutes Float64, squares Float64, first DateTime('UTC'), last DateTime('UTC')) " +
		"ENGINE = MergeTree PARTITION BY toYYYYMM(minute) ORDER BY (model_id, environment, model_version, minute)",
}

// Questions of the tutorial about a model of a table whose times are in a column.
const (
	metricsSQL = "SELECT model_id, model_version, environment, count(), sqrt(avg(pow(predicted_value - actual_value, 2))), avg(abs(predicted_value - actual_value)), min(timestamp), max(timestamp) " +
		"FROM %[1]s WHERE model_id = '%[2]s' AND model_version = '%[3]s' AND environment = 'production' AND timestamp >= now() - INTERVAL 24 HOUR GROUP BY model_id, model_version, environment"
	driftSQL = "WITH now() AS now, " +
		"r AS (SELECT model_id, model_version, environment, avg(abs(predicted_value - actual_value)) AS mae, count() AS n FROM %[1]s WHERE timestamp >= now - INTERVAL 6 HOUR AND model_id = '%[2]s' AND environment = 'production' GROUP BY ALL), " +
		"h AS (SELECT model_id, model_version, environment, avg(abs(predicted_value - actual_value)) AS mae, count() AS n FROM %[1]s WHERE timestamp >= now - INTERVAL 168 HOUR AND timestamp < now - INTERVAL 6 HOUR AND model_id = '%[2]s' AND environment = 'production' GROUP BY ALL) " +
		"SELECT *, (r.mae - h.mae) / h.mae AS drift FROM r LEFT JOIN h ON r.model_id = h.model_id AND r.model_version = h.model_version AND r.environment = h.environment WHERE h.mae > 0 ORDER BY abs(drift) DESC"
	metricsOfMinutesSQL = "SELECT model_id, model_version, environment, sum(predictions) AS n, sqrt(sum(squares) / n), sum(absolutes) / n, min(first), max(last) " +
		"FROM %[1]s WHERE model_id = '%[2]s' AND model_version = '%[3]s' AND environment = 'production' AND minute >= now() - INTERVAL 24 HOUR GROUP BY model_id, model_version, environment"
)

func measure(t *testing.T, binary string, files []string, shards int) {
	t.Helper()
	c := nodes.Start(t, nodes.Options{Shards: shards, MemoryBytes: 3 << 30})
	rows := float64(*measuredRows)
	peer := loadByClient(t, c, files[2])
	store := makeWith(t, binary, c)
	servers := []*process{startServer(t, binary, store), startServer(t, binary, store)}
	own := loadByServers(t, c, binary, files, servers)
	t.Logf("load, %d shards: ClickHouse's client %.0f rows/s, %.2f us of CPU a row (nodes %.2f); two servers %.0f rows/s = %.2fx, %.2f us of CPU a row (nodes %.2f, servers %.2f)",
		shards, rows/peer.took.Seconds(), micros(peer.all(), rows), micros(peer.nodes, rows), rows/own.took.Seconds(), peer.took.Seconds()/own.took.Seconds(),
		micros(own.all(), rows), micros(own.nodes, rows), micros(own.servers, rows))
	for _, s := range servers {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
		require.NoError(t, err)
		t.Logf("a server: %s", regexp.MustCompile(`VmHWM:\s*(.*)`).FindSubmatch(status)[1])
	}
	for _, n := range c.Nodes {
		t.Logf("shard %d: %s", n.Shard, strings.ReplaceAll(n.Query(t, "SELECT table, count(), sum(rows), formatReadableSize(sum(bytes_on_disk)) FROM system.parts WHERE active AND database IN ('residual', 'tutorial') GROUP BY table ORDER BY table"), "\n", "; "))
	}
	settle(t, c)
	measureQuestions(t, c, servers[0], shards)
}

func micros(d time.Duration, rows float64) float64 { return float64(d.Nanoseconds()) / 1000 / rows }

// spent is what a load took.
type spent struct {
	took, nodes, servers, clients time.Duration
}

func (s *spent) all() time.Duration { return s.nodes + s.servers + s.clients }

// loadByClient loads the file as ClickHouse's client does: blocks of the native protocol, made in a process beside the nodes. With more than one
// shard they go through a Distributed table.
func loadByClient(t *testing.T, c *nodes.Cluster, file string) spent {
	t.Helper()
	table := "rows"
	for _, n := range c.Nodes {
		for _, statement := range tutorialTables {
			n.Query(t, statement)
		}
		n.Query(t, fmt.Sprintf("CREATE TABLE tutorial.everywhere AS tutorial.rows ENGINE = Distributed('%s', 'tutorial', 'rows', cityHash64(model_id))", nodes.Name))
	}
	if len(c.Nodes) > 1 {
		table = "everywhere"
	}
	before := cpuOf(t, c)
	begin := time.Now()
	client := c.Nodes[0].Client(fmt.Sprintf("INSERT INTO FUNCTION remote('%s', 'tutorial', '%s', '%s', '%s') SELECT * FROM file('%s', JSONEachRow) "+
		"SETTINGS date_time_input_format = 'basic', max_insert_threads = 2, distributed_foreground_insert = 1", c.Nodes[0].Address, table, nodes.User, nodes.Password, file))
	out, err := client.CombinedOutput()
	require.NoError(t, err, string(out))
	s := spent{took: time.Since(begin), nodes: cpuOf(t, c) - before, clients: client.ProcessState.UserTime() + client.ProcessState.SystemTime()}
	loaded := 0
	for _, n := range c.Nodes {
		count, err := strconv.Atoi(n.Query(t, "SELECT count() FROM tutorial.rows"))
		require.NoError(t, err)
		loaded += count
	}
	require.EqualValues(t, *measuredRows, loaded)
	return s
}

// loadByServers loads one half of the file through each server.
func loadByServers(t *testing.T, c *nodes.Cluster, binary string, files []string, servers []*process) spent {
	t.Helper()
	before := cpuOf(t, c)
	serversBefore := processCPU(t, servers[0].command.Process.Pid) + processCPU(t, servers[1].command.Process.Pid)
	begin := time.Now()
	clients := make([]*exec.Cmd, len(servers))
	output := make([]bytes.Buffer, len(servers))
	for i, s := range servers {
		clients[i] = exec.Command(binary, "ingest", "--batch-bytes", "16MiB", "--server", s.url, files[i])
		clients[i].Stdout, clients[i].Stderr = &output[i], &output[i]
		require.NoError(t, clients[i].Start())
	}
	var s spent
	for i, client := range clients {
		require.NoError(t, client.Wait(), "%s", &output[i])
		s.clients += client.ProcessState.UserTime() + client.ProcessState.SystemTime()
	}
	s.took, s.nodes = time.Since(begin), cpuOf(t, c)-before
	s.servers = processCPU(t, servers[0].command.Process.Pid) + processCPU(t, servers[1].command.Process.Pid) - serversBefore
	return s
}

// settle merges what both have loaded, so that questions are asked of tables at rest.
func settle(t *testing.T, c *nodes.Cluster) {
	t.Helper()
	var merging sync.WaitGroup
	for _, n := range c.Nodes {
		merging.Go(func() {
			n.Query(t, "INSERT INTO tutorial.ordered SELECT * FROM tutorial.rows")
			n.Query(t, "INSERT INTO tutorial.minutes SELECT toStartOfMinute(timestamp) AS minute, model_id, model_version, environment, count(), sum(abs(predicted_value - actual_value)), "+
				"sum(pow(predicted_value - actual_value, 2)), min(timestamp), max(timestamp) FROM tutorial.rows GROUP BY minute, model_id, model_version, environment")
			for _, table := range []string{"tutorial.rows", "tutorial.ordered", "tutorial.minutes", "residual.predictions"} {
				n.Query(t, "OPTIMIZE TABLE "+table+" FINAL")
			}
		})
	}
	merging.Wait()
}

// measureQuestions asks about a model of the first shard: the node that has it by SQL over HTTP, and the server by its pipes.
func measureQuestions(t *testing.T, c *nodes.Cluster, s *process, shards int) {
	t.Helper()
	n := c.Nodes[0]
	series := strings.Split(n.Query(t, "SELECT model_id, model_version FROM tutorial.rows WHERE environment = 'production' GROUP BY ALL ORDER BY count() DESC LIMIT 1"), "\t")
	model, version := series[0], series[1]
	pipe := func(path string) func() string {
		return func() string {
			return get(t, s.url+"/v0/pipes/"+path+"&model_id="+url.QueryEscape(model))
		}
	}
	sql := func(text, table string) func() string {
		return func() string { return n.Query(t, fmt.Sprintf(text, table, model, version)) }
	}
	for _, q := range []struct {
		name string
		own  func() string
		sql  map[string]func() string
	}{
		{"metrics 24 h", pipe("model_performance_metrics.json?time_window=24&model_version=" + version), map[string]func() string{
			"the tutorial's table": sql(metricsSQL, "tutorial.rows"), "ordered by model": sql(metricsSQL, "tutorial.ordered"), "sums of minutes": sql(metricsOfMinutesSQL, "tutorial.minutes"),
		}},
		{"drift 6 h / 168 h", pipe("model_drift_detection.json?recent_window_hours=6&historical_window_hours=168"), map[string]func() string{
			"the tutorial's table": sql(driftSQL, "tutorial.rows"), "ordered by model": sql(driftSQL, "tutorial.ordered"),
		}},
	} {
		q.sql["Residual"] = q.own
		times, cpu := map[string][]time.Duration{}, map[string]time.Duration{}
		for range *measuredTimes {
			for name, ask := range q.sql {
				before := cpuOf(t, c) + processCPU(t, s.command.Process.Pid)
				begin := time.Now()
				require.NotEmpty(t, ask())
				times[name] = append(times[name], time.Since(begin))
				cpu[name] += cpuOf(t, c) + processCPU(t, s.command.Process.Pid) - before
			}
		}
		for name, took := range times {
			slices.Sort(took)
			t.Logf("%s, %d shards, %s: p50 %.2f ms, p95 %.2f ms, CPU %.2f ms", q.name, shards, name, millis(took[len(took)/2]), millis(took[len(took)*95/100]), millis(cpu[name])/float64(*measuredTimes))
		}
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url) //nolint:noctx // a test ends it
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}

func cpuOf(t *testing.T, c *nodes.Cluster) (sum time.Duration) {
	t.Helper()
	for _, n := range c.Nodes {
		sum += processCPU(t, n.PID())
	}
	return sum
}

// processCPU is what a process has used since it began.
func processCPU(t *testing.T, pid int) (sum time.Duration) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	// The name in parentheses may hold anything; utime and stime are counted from behind it, in hundredths of a second.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		sum += time.Duration(ticks) * 10 * time.Millisecond
	}
	return sum
}
