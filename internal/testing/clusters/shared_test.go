package clusters_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
)

// projectOf writes a project of two data sources that have a number in their names, and returns its folder.
func projectOf(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		text := "SCHEMA >\n    `timestamp` DateTime,\n    `model_id` String,\n    `prediction_id` String,\n    `model_version` String,\n    `predicted_value` Float64,\n    `environment` String DEFAULT 'e'\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s%d.datasource", name, n)), []byte(text), 0o600))
	}
	return dir
}

// deploy deploys a project to a server, and returns whether that took place, and what was said.
func (p *process) deploy(dir string, args ...string) (bool, string) {
	out, err := command(p.binary, append([]string{"deploy", dir, "--server", p.url, "--allow-destructive-operations"}, args...)...).CombinedOutput()
	return err == nil, string(out)
}

// deployForm is a project as the command sends it.
func deployForm(t *testing.T, dir string) (kind string, body *bytes.Buffer) {
	t.Helper()
	body = new(bytes.Buffer)
	form := multipart.NewWriter(body)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		part, err := form.CreateFormFile("data_project://", entry.Name())
		require.NoError(t, err)
		_, err = part.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, form.Close())
	return form.FormDataContentType(), body
}

// send deploys once, and returns the answer; the status is 0 if there was none.
func (p *process) send(kind string, body *bytes.Buffer) answer {
	response, err := http.Post(p.url+"/v1/deploy?auto_promote=true&allow_destructive_operations=true", kind, body) //nolint:noctx // the server of the test answers
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}
	}
	return answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After"), body: string(text)}
}

var deployedName = regexp.MustCompile(`"name":"([ab])(\d+)"`)

// deployed is the number of the project that a server answers from, 0 for none: both of its data sources are there and nothing of others.
func (p *process) deployed(t *testing.T) int {
	t.Helper()
	a := request(t, http.MethodGet, p.url+"/v0/datasources", "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	found := deployedName.FindAllStringSubmatch(a.body, -1)
	if len(found) == 0 {
		return 0
	}
	require.Len(t, found, 2, "a project is there in part: %s", a.body)
	require.Equal(t, found[0][2], found[1][2], "two projects are mixed: %s", a.body)
	var n int
	_, err := fmt.Sscan(found[0][2], &n)
	require.NoError(t, err)
	return n
}

// live is the number of the live deployment, beside those of all; nil while they cannot be read.
func (p *process) live(t *testing.T) (live string, all []string) {
	t.Helper()
	a := request(t, http.MethodGet, p.url+"/v1/deployments?include_deleted=true", "")
	if a.status == http.StatusServiceUnavailable {
		return "", nil
	}
	require.Equal(t, http.StatusOK, a.status, a.body)
	all = []string{}
	var list struct {
		Deployments []struct {
			ID   string
			Live bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &list))
	for _, d := range list.Deployments {
		if all = append(all, d.ID); d.Live {
			live = d.ID
		}
	}
	return live, all
}

// TestSharedDeployments deploys to one of several servers: the others answer from it within seconds, whole, and so does one that starts.
func TestSharedDeployments(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	binary := build(t)
	store := makeWith(t, binary, c)
	of := [2]*process{startServer(t, binary, store), startServer(t, binary, store)}
	everywhere := func(n int) {
		t.Helper()
		begin := time.Now()
		for _, s := range of {
			eventually(t, fmt.Sprintf("%s does not answer from project %d", s.url, n), func() bool { return s.deployed(t) == n })
		}
		t.Logf("project %d is everywhere after %s", n, time.Since(begin).Round(time.Millisecond))
	}
	do := func(i int, dir string, args ...string) {
		t.Helper()
		done, says := of[i].deploy(dir, args...)
		require.True(t, done, says)
	}
	a := request(t, http.MethodPost, of[0].url+"/v0/events?name=mistyped", "{}")
	require.Equal(t, http.StatusNotFound, a.status, "nothing is deployed that may be meant: %s", a.body)
	do(0, projectOf(t, 1))
	require.Equal(t, 1, of[0].deployed(t), "at once where it was deployed")
	live, _ := of[1].live(t)
	require.Equal(t, "1", live, "the list is of this moment everywhere")
	everywhere(1)
	do(1, projectOf(t, 2))
	everywhere(2)

	// One waits at one server, and is promoted at the other.
	do(0, projectOf(t, 3), "--stage")
	require.Equal(t, http.StatusOK, request(t, http.MethodPost, of[1].url+"/v1/deployments/3/set-live?allow_destructive_operations=true", "").status)
	everywhere(3)
	do(0, projectOf(t, 4), "--stage")
	require.Equal(t, http.StatusOK, request(t, http.MethodDelete, of[1].url+"/v1/deployments/4", "").status)
	_, all := of[0].live(t)
	require.Equal(t, []string{"1", "2", "3"}, all)
	out, err := command(binary, "deployments", "rollback", "--server", of[1].url, "--allow-destructive-operations").CombinedOutput()
	require.NoError(t, err, string(out))
	everywhere(2)

	third := startServer(t, binary, store)
	require.Equal(t, 2, third.deployed(t), "a server that starts has it from its first answer on")

	// With the shard away that has it, servers go on with what they have, and take nothing.
	c.Nodes[0].Kill(t)
	requireComeAgain(t, request(t, http.MethodPost, of[0].url+"/v1/deployments/1/set-live?allow_destructive_operations=true", ""), "shard 1")
	require.Equal(t, 2, of[0].deployed(t))
	requireComeAgain(t, request(t, http.MethodGet, of[1].url+"/v1/deployments", ""), "shard 1")
	c.Nodes[0].Start(t)
	eventually(t, "nothing can be deployed", func() bool { done, _ := of[0].deploy(projectOf(t, 5)); return done })
	everywhere(5)
}

// How often two deploy at the same time, and how often a server is killed while it deploys, with the node.
const deployRaces, deployKills = 12, 8

// TestSharedDeploymentsUnderFaults deploys to two servers at the same time, and kills one and the node while it deploys: what was answered is what is there,
// and servers answer from one project, whole.
func TestSharedDeploymentsUnderFaults(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	binary := build(t)
	store := makeWith(t, binary, c)
	of := [2]*process{startServer(t, binary, store), startServer(t, binary, store)}
	same := func() int {
		t.Helper()
		n := -1
		eventually(t, "the servers do not answer from the same project", func() bool {
			if _, known := of[0].live(t); known == nil {
				return false
			}
			first := of[0].deployed(t)
			n = of[1].deployed(t)
			return n == first
		})
		return n
	}
	var won, lost, stored int
	for round := range deployRaces {
		var group sync.WaitGroup
		var says [2]answer
		for i := range of {
			kind, body := deployForm(t, projectOf(t, 1+2*round+i))
			group.Go(func() { says[i] = of[i].send(kind, body) })
		}
		group.Wait()
		allowed := []int{}
		for i := range of {
			if says[i].status == http.StatusOK {
				won++
				allowed = append(allowed, 1+2*round+i)
				continue
			}
			lost++
			requireComeAgain(t, says[i], "another project is being deployed at the moment")
		}
		require.NotEmpty(t, allowed, says)
		require.Contains(t, allowed, same())
	}
	live, all := of[0].live(t)
	require.Len(t, all, won, "a deployment for each that was told so")
	require.Equal(t, all[len(all)-1], live)

	r := random.Rand(t)
	before := same()
	for round := range deployKills {
		n := 1000 + round
		kind, body := deployForm(t, projectOf(t, n))
		ended := make(chan bool)
		go func() { ended <- of[0].send(kind, body).status == http.StatusOK }()
		time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond) // at any moment
		of[0].kill()
		answered := <-ended
		c.Nodes[0].Kill(t) // which a node that is made of the library may not survive anyway
		c.Nodes[0].Start(t)
		of[0].start(t)
		now := same()
		require.Contains(t, []int{before, n}, now)
		if answered {
			require.Equal(t, n, now, "a deployment that was answered is gone")
		}
		if now == n {
			stored++
		}
		done, says := of[round%2].deploy(projectOf(t, 2000+round))
		require.True(t, done, "%v", says)
		before = same()
	}
	require.Equal(t, 2000+deployKills-1, before)
	t.Logf("at the same time: %d took place, %d were refused; killed: %d of %d took place", won, lost, stored, deployKills)
	require.Positive(t, lost, "no two were at the same time")
}

// TestSharedTokens makes and revokes tokens by the program and over HTTP: they count at every server within seconds.
func TestSharedTokens(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	binary := build(t)
	store := makeWith(t, binary, c)
	token := func(args ...string) string {
		t.Helper()
		out, err := command(binary, append([]string{"token"}, args...)...).Output()
		require.NoError(t, err, args)
		return strings.TrimSpace(string(out))
	}
	// Who would be asked for none is not let beyond the machine, and tokens that do not count are not passed over.
	says := fails(t, command(binary, "serve", "--store", store, "--listen", "0.0.0.0:0", "--data-dir", t.TempDir()))
	require.Contains(t, says, "no token exists")
	require.Contains(t, says, "--store")
	dir := t.TempDir()
	token("create", "old", "--scope", "ADMIN", "--data-dir", dir)
	says = fails(t, command(binary, "serve", "--store", store, "--listen", "127.0.0.1:0", "--data-dir", dir))
	require.Contains(t, says, "do not count with --store")

	open := startServer(t, binary, store)
	require.Equal(t, http.StatusOK, open.as(t, "").status)
	admin := token("create", "ops", "--scope", "ADMIN", "--store", store)
	eventually(t, "a server that asked for no token does not ask for one", func() bool { return open.as(t, "").status == http.StatusForbidden })
	require.Equal(t, http.StatusOK, open.as(t, admin).status)
	of := [2]*process{startServer(t, binary, store), startServer(t, binary, store)}
	everywhere := func(token string, want int) {
		t.Helper()
		begin := time.Now()
		for _, s := range []*process{open, of[0], of[1]} {
			eventually(t, "a token does not count everywhere", func() bool { return s.as(t, token).status == want })
		}
		require.Less(t, time.Since(begin), 10*time.Second)
	}
	everywhere(admin, http.StatusOK)
	a := of[0].with(t, http.MethodPost, "/v0/tokens?name=app&scope=PIPES:READ:models", admin)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var made struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &made))
	everywhere(made.Token, http.StatusOK)
	require.Regexp(t, `(?m)^app +.*PIPES:READ:models`, token("list", "--store", store))
	for _, n := range c.Nodes {
		require.NotContains(t, n.Query(t, "SELECT * FROM residual.workspace"), made.Token, "a token itself is kept nowhere")
	}

	// With the shard away that has them, the known ones count, and a server that starts lets nobody in before it knows them.
	c.Nodes[0].Kill(t)
	require.Equal(t, http.StatusOK, of[1].as(t, made.Token).status)
	requireComeAgain(t, of[1].with(t, http.MethodDelete, "/v0/tokens/app", admin), "shard 1")
	log := &tail{}
	late := command(binary, "serve", "--store", store, "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
	late.Stderr = log
	require.NoError(t, late.Start())
	t.Cleanup(func() { _ = late.Process.Kill(); _ = late.Wait() })
	eventually(t, "the server does not say that it waits", func() bool { return strings.Contains(log.String(), "cannot be read yet") })
	require.NotContains(t, log.String(), "msg=ready")
	c.Nodes[0].Start(t)
	eventually(t, "the server is not ready", func() bool { return strings.Contains(log.String(), "msg=ready") })

	token("revoke", "app", "--store", store)
	everywhere(made.Token, http.StatusForbidden)
	says = fails(t, command(binary, "token", "list", "--store", nodes.URL(nodes.Reader, "127.0.0.1:1")))
	require.Contains(t, says, "127.0.0.1:1")
}

// with sends a request with a token.
func (p *process) with(t *testing.T, method, target, token string) answer {
	t.Helper()
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	if token != "" {
		target += separator + "token=" + token
	}
	return request(t, method, p.url+target, "")
}

// as asks something small with a token.
func (p *process) as(t *testing.T, token string) answer {
	t.Helper()
	return p.with(t, http.MethodGet, "/v0/pipes", token)
}

// TestSharedConnectors has two servers with the same connectors: one fetches, and when it is killed, or stopped, the other goes on.
func TestSharedConnectors(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	binary := build(t)
	store := makeWith(t, binary, c)
	dir, files, later := t.TempDir(), t.TempDir(), t.TempDir()
	for name, from := range map[string]string{"fetched": files + "/*.ndjson\nIMPORT_SCHEDULE @auto\n", "asked": later + "/*.ndjson\nIMPORT_SCHEDULE @on-demand\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".datasource"), []byte("SCHEMA >\n    `timestamp` DateTime,\n    `model_id` String,\n    `prediction_id` String,\n"+
			"    `model_version` String,\n    `environment` String,\n    `predicted_value` Float64,\n    `actual_value` Float64\n\nIMPORT_BUCKET_URI file://"+from), 0o600))
	}
	putIn := func(files, model, name string) {
		t.Helper()
		lines := line(model, name) + "no event\n"
		require.NoError(t, os.WriteFile(filepath.Join(files, name+".part"), []byte(lines), 0o600))
		require.NoError(t, os.Rename(filepath.Join(files, name+".part"), filepath.Join(files, name+".ndjson")))
	}
	put := func(name string) { t.Helper(); putIn(files, "m", name) }
	put("a")
	args := []string{"--project", dir, "--poll", "200ms"}
	of := [2]*process{startServer(t, binary, store, args...), startServer(t, binary, store, args...)}
	states := func(s *process) string {
		return request(t, http.MethodGet, s.url+"/v0/pipes/connectors.json", "").body
	}
	fetches := func(i int) bool { return strings.Contains(states(of[i]), `"running"`) }
	eventually(t, "nobody fetches", func() bool { return fetches(0) != fetches(1) })
	first := 0
	if fetches(1) {
		first = 1
	}
	other := 1 - first
	require.Contains(t, states(of[other]), "not fetched by this server")
	has := func(s *process, rows, rejects int) {
		t.Helper()
		eventually(t, "rows are missing", func() bool {
			return strings.Contains(s.metrics(t, "m").body, fmt.Sprintf(`"m","v1","production",%d,`, rows))
		})
		eventually(t, "rejected lines are missing, or there twice", func() bool { // they follow their rows
			return strings.Count(request(t, http.MethodGet, s.url+"/v0/pipes/fetched_quarantine.csv", "").body, "no event") == rejects
		})
	}
	has(of[other], 1, 1)

	// The server that fetches looks when another one is asked to.
	eventually(t, "nobody runs what looks when it is asked", func() bool { return !strings.Contains(states(of[first])+states(of[other]), `"starting"`) })
	putIn(later, "later", "a")
	a := request(t, http.MethodPost, of[other].url+"/v0/datasources/asked/sync", "")
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	eventually(t, "the row that was asked for is missing", func() bool {
		return strings.Contains(of[other].metrics(t, "later").body, `"later","v1","production",1,`)
	})

	of[first].kill()
	put("b")
	begin := time.Now()
	eventually(t, "the other does not take over", func() bool { return fetches(other) })
	t.Logf("taken over after %s", time.Since(begin).Round(time.Second))
	has(of[other], 2, 2)

	// One that is stopped gives back.
	of[first].start(t)
	eventually(t, "the server that has come back has no state", func() bool { return strings.Contains(states(of[first]), "not fetched by this server") })
	require.NoError(t, of[other].command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, of[other].command.Wait())
	of[other].command = nil
	begin = time.Now()
	put("c")
	eventually(t, "nobody fetches", func() bool { return fetches(first) })
	require.Less(t, time.Since(begin), 10*time.Second)
	has(of[first], 3, 3)
}
