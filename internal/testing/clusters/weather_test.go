package clusters_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/memory"
)

// fails runs a command that must fail, and returns what it says.
func fails(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	out, err := c.CombinedOutput()
	exit := &exec.ExitError{}
	require.ErrorAs(t, err, &exit, string(out))
	require.Equal(t, 1, exit.ExitCode(), string(out))
	return string(out)
}

// TestRefusedStarts starts servers that cannot serve: each ends at once and says why, and what to do.
func TestRefusedStarts(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	binary, dir := build(t), t.TempDir()
	serve := func(url, password string) *exec.Cmd {
		cmd := exec.Command(binary, "serve", "--store", url, "--listen", "127.0.0.1:0", "--data-dir", dir)
		cmd.Env = append(os.Environ(), "RESIDUAL_STORE_PASSWORD="+password)
		return cmd
	}
	says := fails(t, serve(c.URL(), nodes.Password))
	require.Contains(t, says, "residual cluster init", "tables are missing")
	says = fails(t, command(binary, "cluster", "check", "--store", c.URL()))
	require.Contains(t, says, "cluster init")
	says = fails(t, command(binary, "cluster", "init", "--store", c.URL(), "--cluster", "nobody"))
	require.Contains(t, says, "nobody", "a cluster that there is not")

	url := makeWith(t, binary, c)
	out, err := command(binary, "cluster", "check", "--store", url).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), c.Nodes[0].Address)

	c.Nodes[0].Query(t, "INSERT INTO residual.meta SELECT 'schema', '99', 18446744073709551615")
	says = fails(t, serve(url, nodes.Password))
	require.Contains(t, says, "99", "tables of another version")
	c.Nodes[0].Query(t, "TRUNCATE TABLE residual.meta")
	says = fails(t, serve(url, nodes.Password))
	require.Contains(t, says, "residual cluster init")
	makeWith(t, binary, c)

	const (
		noView = "DROP VIEW residual.scopes_of_actuals SYNC"
		view   = "CREATE MATERIALIZED VIEW residual.scopes_of_actuals TO residual."
		scopes = " AS SELECT model_id, max(toUInt8(model_version != '' OR environment != '')) AS scoped FROM residual.actuals GROUP BY model_id"
	)
	for _, x := range []struct{ alter, back, says string }{
		{"ALTER TABLE residual.predictions RENAME COLUMN features TO feat", "ALTER TABLE residual.predictions RENAME COLUMN feat TO features", "no column features"},
		{"ALTER TABLE residual.actuals MODIFY COLUMN observed Int32", "ALTER TABLE residual.actuals MODIFY COLUMN observed Int64 CODEC(Delta(8), ZSTD(1))", "is of type Int32, and not Int64"},
		{"ALTER TABLE residual.predictions MODIFY TTL toDateTime(timestamp) + toIntervalDay(10)", "ALTER TABLE residual.predictions REMOVE TTL", "TTL toDateTime(timestamp) + toIntervalDay(10)"},
		{"ALTER TABLE residual.actuals MODIFY TTL toDateTime(received) + toIntervalDay(10)", "ALTER TABLE residual.actuals REMOVE TTL", "TTL toDateTime(received) + toIntervalDay(10)"},
		{"ALTER TABLE residual.predictions MODIFY SETTING fsync_after_insert = 0", "ALTER TABLE residual.predictions MODIFY SETTING fsync_after_insert = 1", "without the setting fsync_after_insert = 1"},
		{
			noView + "; " + view + "scopes AS SELECT model_id, toUInt8(0) AS scoped FROM residual.actuals WHERE 0",
			noView + "; " + view + "scopes" + scopes, "the view scopes_of_actuals",
		},
		{
			noView + "; CREATE TABLE residual.others AS residual.scopes; " + view + "others" + scopes,
			noView + "; DROP TABLE residual.others SYNC; " + view + "scopes" + scopes, "residual.others",
		},
		{
			"DROP TABLE residual.positions SYNC; CREATE TABLE residual.positions (source String, part String, value String, version UInt64) ENGINE = ReplacingMergeTree ORDER BY (source, part)",
			"DROP TABLE residual.positions SYNC", "and not \"ReplacingMergeTree(version)",
		},
	} {
		for statement := range strings.SplitSeq(x.alter, "; ") {
			c.Nodes[0].Query(t, statement)
		}
		for _, refused := range []*exec.Cmd{serve(url, nodes.Password), command(binary, "cluster", "check", "--store", url)} {
			says := fails(t, refused)
			require.Contains(t, says, x.says)
			require.NotContains(t, says, "connectors")
		}
		for statement := range strings.SplitSeq(x.back, "; ") {
			c.Nodes[0].Query(t, statement)
		}
	}
	makeWith(t, binary, c)
	out, err = command(binary, "cluster", "check", "--store", url).CombinedOutput()
	require.NoError(t, err, string(out))

	// Last: a node that is made of the library dies of it.
	says = fails(t, serve(url, "mistyped"))
	require.Contains(t, says, "RESIDUAL_STORE_PASSWORD")
	require.NotContains(t, says, "mistyped")
}

// TestTablesMadeAgain loses what views fill, or the views while rows are stored: nothing is served, and once the tables are made again, all rows and
// actuals are found. An init that has ended in between is not enough.
func TestTablesMadeAgain(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	n, binary := c.Nodes[0], build(t)
	url := makeWith(t, binary, c)
	s := startServer(t, binary, url)
	for i, drop := range []string{
		"DROP TABLE residual.series SYNC; DROP TABLE residual.scopes SYNC",
		"DROP VIEW residual.series_of_predictions SYNC; DROP VIEW residual.scopes_of_actuals SYNC",
		"TRUNCATE TABLE residual.series; TRUNCATE TABLE residual.scopes; INSERT INTO residual.meta SELECT 'unfilled', 'true', toUnixTimestamp64Micro(now64(6))",
		"DROP TABLE residual.series SYNC; DROP TABLE residual.meta SYNC",
	} {
		model := fmt.Sprint("m", i)
		store := func() {
			t.Helper()
			require.Equal(t, http.StatusOK, s.post(t, line(model, "a")).status)
			a := request(t, http.MethodPost, s.url+"/v0/events?wait=true&name=ml_model_actuals", fmt.Sprintf(`{"model_id":"%s","prediction_id":"a","actual_value":7}`, model))
			require.Equal(t, http.StatusOK, a.status, a.body)
		}
		whileDropped := strings.HasPrefix(drop, "DROP VIEW")
		if !whileDropped {
			store()
		}
		for statement := range strings.SplitSeq(drop, "; ") {
			n.Query(t, statement)
		}
		if whileDropped {
			store()
		}
		require.Contains(t, fails(t, command(binary, "cluster", "check", "--store", url)), "residual cluster init")
		makeWith(t, binary, c)
		out, err := command(binary, "cluster", "check", "--store", url).CombinedOutput()
		require.NoError(t, err, string(out))
		fresh := startServer(t, binary, url)
		for _, ask := range []string{"predictions.csv?time_window=1000000&", "model_performance_metrics.csv?time_window=1000000&"} {
			require.Equal(t, i+1, strings.Count(request(t, http.MethodGet, fresh.url+"/v0/pipes/"+ask+"model_version=*&model_id=*", "").body, `"production"`), ask)
		}
		require.Contains(t, fresh.metrics(t, model).body, `"`+model+`","v1","production",1,3,`, "the error by the actual that came apart")
	}
}

// TestLateNode starts a server before its node: it waits, says that it does, and is ready once the node is.
func TestLateNode(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	binary := build(t)
	url := makeWith(t, binary, c)
	c.Nodes[0].Kill(t)
	log := &tail{}
	cmd := command(binary, "serve", "--store", url, "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "the server does not say that it waits", func() bool { return strings.Contains(log.String(), "is tried again") })
	_, url, _ = strings.Cut(log.String(), " address=")
	url, _, _ = strings.Cut(url, "\n")
	health := request(t, http.MethodGet, url+"/health", "")
	require.Equal(t, http.StatusServiceUnavailable, health.status)
	require.Contains(t, health.body, "the cluster is not open yet")
	c.Nodes[0].Start(t)
	eventually(t, "the server is not ready", func() bool { return strings.Contains(log.String(), "msg=ready") })
}

// TestRefusedWrites has the node refuse what it is sent, for one reason after the other: each is a refusal that says why and when to come again,
// questions go on, and when the reason is gone rows are taken.
func TestRefusedWrites(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	n := c.Nodes[0]
	binary := build(t)
	s := startServer(t, binary, makeWith(t, binary, c))
	require.Equal(t, http.StatusOK, s.post(t, line("m", "a")).status)
	for _, f := range []struct{ name, set, reset, says string }{
		{
			"too many parts", "ALTER TABLE residual.predictions MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1", "ALTER TABLE residual.predictions RESET SETTING parts_to_throw_insert, parts_to_delay_insert",
			"too many parts",
		},
		{
			"full disk", "ALTER TABLE residual.predictions MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000", "ALTER TABLE residual.predictions RESET SETTING min_free_disk_bytes_to_perform_insert",
			"disk",
		},
	} {
		t.Run(f.name, func(t *testing.T) {
			n.Query(t, f.set)
			requireComeAgain(t, s.post(t, line("m", f.name)), f.says)
			require.Equal(t, http.StatusOK, s.metrics(t, "m").status)
			eventually(t, "health does not say so", func() bool { return strings.Contains(request(t, http.MethodGet, s.url+"/health", "").body, f.says) })
			n.Query(t, f.reset)
			eventually(t, "rows are still refused", func() bool { return s.post(t, line("m", f.name)).status == http.StatusOK })
			eventually(t, "health stays", func() bool { return !strings.Contains(request(t, http.MethodGet, s.url+"/health", "").body, f.says) })
		})
	}
	require.Contains(t, s.metrics(t, "m").body, `"m","v1","production",3,`)
}

// TestMissingRights serves a store as a user who may not write, and as one whose rights are taken away while it is served: a start is refused,
// and so is a request, with what is wrong and without a word of the database.
func TestMissingRights(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	n, binary := c.Nodes[0], build(t)
	makeWith(t, binary, c)
	refused := func(user, says string) {
		t.Helper()
		url := nodes.URL(user, n.Address)
		require.Contains(t, fails(t, command(binary, "serve", "--store", url, "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())), "RESIDUAL_STORE_PASSWORD")
		require.Contains(t, fails(t, command(binary, "cluster", "check", "--store", url)), says)
	}
	refused(nodes.Reader, "readonly")

	const reads, inserts, deletes = "GRANT SELECT ON residual.*, SELECT ON system.*", "GRANT INSERT ON residual.*", "GRANT ALTER ON residual.*"
	c.Grant(t, reads)
	refused(nodes.Granted, "insert into predictions")
	c.Grant(t, reads, inserts)
	refused(nodes.Granted, "delete from predictions")
	c.Grant(t, reads, inserts, deletes)
	s := startServer(t, binary, nodes.URL(nodes.Granted, n.Address))
	require.Equal(t, http.StatusOK, s.post(t, line("m", "a")).status)

	c.Grant(t, reads, deletes)
	eventually(t, "the server is still away", func() bool { return !strings.Contains(s.post(t, line("m", "b")).body, "cannot be reached") })
	requireComeAgain(t, s.post(t, line("m", "b")), "refuses the user")
	health := request(t, http.MethodGet, s.url+"/health", "").body
	require.Contains(t, health, "refuses the user")
	require.NotContains(t, health, "GRANT")
	c.Grant(t, reads, inserts, deletes)
	eventually(t, "rows are still refused", func() bool { return s.post(t, line("m", "b")).status == http.StatusOK })

	n.Query(t, "ALTER TABLE residual.predictions MODIFY COLUMN predicted_value String")
	requireComeAgain(t, s.post(t, line("m", "c")), "its tables are not those")
	require.Equal(t, http.StatusOK, request(t, http.MethodGet, s.url+"/v0/pipes/quarantine.json", "").status, "the shard is there")
	require.Contains(t, request(t, http.MethodGet, s.url+"/health", "").body, "its tables are not those")
}

// TestOtherShards gives a cluster that has tables other weights, another order of its servers and another layout: nobody is served, because
// models would be looked for where they are not. A server that runs says so, and goes on with the shards that it knows; where these have
// other tables it uses them no more.
func TestOtherShards(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	binary := build(t)
	url := makeWith(t, binary, c)
	refused := func(says string, args ...string) {
		t.Helper()
		require.Contains(t, fails(t, command(binary, append(args, "--store", url)...)), says)
	}
	served := func(says string) {
		t.Helper()
		refused(says, "serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
		refused(says, "cluster", "check")
	}
	refused(`made with cluster "residual"; now it would be cluster "other"`, "cluster", "init", "--cluster", "other")
	refused("retention of 0 days", "cluster", "init", "--cluster", nodes.Name, "--retention", "30d")
	makeWith(t, binary, c)
	s := startServer(t, binary, url)
	health := func(status int, says string) {
		t.Helper()
		eventually(t, "the health does not say "+says, func() bool {
			a := request(t, http.MethodGet, s.url+"/health", "")
			return a.status == status && strings.Contains(a.body, says)
		})
	}

	at := modelsByShard(t, c, s)
	idsOn := func(shard int) string {
		t.Helper()
		return c.Nodes[shard].Query(t, "SELECT arrayStringConcat(arraySort(groupArray(prediction_id))) FROM residual.predictions WHERE model_id = '"+at[shard]+"'")
	}
	c.Arrange(t, []int{2, 1}, 1, 2)
	health(http.StatusOK, "remote_servers has other shards or servers of the cluster residual")
	for i, model := range at {
		a := s.post(t, line(model, "b"))
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, "ab", idsOn(i))
	}
	served(`shards and weights "1:1 2:1", and the cluster has "1:2 2:1" now`)
	c.Arrange(t, []int{1, 1}, 2, 1)
	served("has the tables of shard")
	c.Arrange(t, []int{1, 1}, 1, 2)
	out, err := command(binary, "cluster", "check", "--store", url).CombinedOutput()
	require.NoError(t, err, string(out))
	health(http.StatusOK, `"status":"ok"`)

	c.Nodes[1].Query(t, "INSERT INTO residual.meta VALUES ('shards', '1:1 2:1 3:1', 2)")
	health(http.StatusOK, "shard 2 of the cluster: its tables are not those that this server needs")
	require.Equal(t, http.StatusOK, s.post(t, line(at[0], "c")).status)
	for _, a := range []answer{s.post(t, line(at[1], "c")), s.post(t, line(at[0], "d")+line(at[1], "d")), s.metrics(t, at[1])} {
		requireComeAgain(t, a, "shard 2 of the cluster: its tables are not those")
	}
	require.Equal(t, "abc", idsOn(0))
	require.Equal(t, "ab", idsOn(1))
	c.Nodes[1].Query(t, "INSERT INTO residual.meta VALUES ('shards', '1:1 2:1', 3)")
	health(http.StatusOK, `"status":"ok"`)
	require.Equal(t, http.StatusOK, s.post(t, line(at[1], "c")).status)
}

// TestSlowNetwork has a network that delays and then stops, under more clients than the server has memory for: it refuses, and stays within
// its limit.
func TestSlowNetwork(t *testing.T) {
	const limit = 256 << 20
	c := nodes.Start(t, nodes.Options{Links: true})
	binary := build(t)
	s := startServer(t, binary, makeWith(t, binary, c), "--memory-limit", "256MiB")
	link := c.Nodes[0].Link
	link.Delay(20 * time.Millisecond)
	require.Equal(t, http.StatusOK, s.post(t, line("m", "a")).status)
	link.Stall(true)

	var body bytes.Buffer
	for body.Len() < 4<<20 {
		body.WriteString(line("m", "b"))
	}
	var clients sync.WaitGroup
	statuses := make([]int, 64)
	for i := range statuses {
		clients.Go(func() {
			client := http.Client{Timeout: 90 * time.Second}
			response, err := client.Post(s.url+"/v0/events?name=ml_model_predictions", "", bytes.NewReader(body.Bytes())) //nolint:noctx // the client has a timeout
			if err == nil {
				statuses[i] = response.StatusCode
				_ = response.Body.Close()
			}
		})
	}
	clients.Wait()
	_, peak, err := memory.Process(s.command.Process.Pid)
	require.NoError(t, err)
	for _, status := range statuses {
		require.NotEqual(t, http.StatusOK, status)
	}
	link.Stall(false)
	link.Delay(0)
	eventually(t, "rows are still refused", func() bool { return s.post(t, line("m", "c")).status == http.StatusOK })
	t.Logf("%d MiB at most of %d, answers %v", peak>>20, limit>>20, countOf(statuses))
	require.Less(t, peak, int64(limit))
}

func countOf(statuses []int) map[int]int {
	counts := map[int]int{}
	for _, s := range statuses {
		counts[s]++
	}
	return counts
}
