package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// fakeDeployments remembers what it is asked, and answers what it is told.
type fakeDeployments struct {
	mu       sync.Mutex
	wishes   []httpapi.Deploying
	promoted []string
	dropped  []int
	outcome  httpapi.DeployOutcome
	err      error
	list     []httpapi.Deployment
	entered  chan struct{} // if it is not nil, Deploy sends on it and waits for gate
	gate     chan struct{}
}

func (f *fakeDeployments) Deploy(d httpapi.Deploying) (*httpapi.DeployOutcome, error) {
	if f.entered != nil {
		f.entered <- struct{}{}
		<-f.gate
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wishes = append(f.wishes, d)
	out := f.outcome
	return &out, f.err
}

func (f *fakeDeployments) Promote(id int, destructive bool, by string) (*httpapi.DeployOutcome, error) {
	f.promoted = append(f.promoted, fmt.Sprint(id, " ", destructive, " ", by))
	out := f.outcome
	return &out, f.err
}

func (f *fakeDeployments) Discard(id int) error {
	f.dropped = append(f.dropped, id)
	return f.err
}

func (f *fakeDeployments) Find(id int) (httpapi.Deployment, error) {
	i := slices.IndexFunc(f.list, func(d httpapi.Deployment) bool { return d.ID == id })
	if i < 0 {
		return httpapi.Deployment{}, httpapi.ErrNoDeployment
	}
	return f.list[i], f.err
}

func (f *fakeDeployments) Current() ([]httpapi.Deployment, error) {
	return slices.DeleteFunc(slices.Clone(f.list), func(d httpapi.Deployment) bool { return !d.Live && !d.Staged }), f.err
}

func (f *fakeDeployments) History() ([]httpapi.Deployment, error) { return f.list, f.err }

// projectForm is a form with files, as Tinybird's client sends it.
func projectForm(t testing.TB, files map[string]string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part := func(name, file, text string) {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", name, file))
		header.Set("Content-Type", "text/plain")
		p, err := w.CreatePart(header)
		require.NoError(t, err)
		_, err = io.WriteString(p, text)
		require.NoError(t, err)
	}
	part("context://", "cli-version", "1.0.0")
	for name, text := range files {
		part("data_project://", name, text)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func deployTo(t *testing.T, s *running, target string, files map[string]string) (int, string) {
	t.Helper()
	body, contentType := projectForm(t, files)
	resp, text := s.do(t, "POST", target, strings.NewReader(body), "Content-Type", contentType)
	return resp.StatusCode, text
}

func TestDeploy(t *testing.T) {
	f := &fakeDeployments{outcome: httpapi.DeployOutcome{
		Result: httpapi.DeploySuccess,
		Deployment: httpapi.Deployment{
			ID: 3, Live: true, Created: now, By: "ci",
			Changes: httpapi.DeployChanges{New: httpapi.DeployNames{Datasources: []string{"a"}}, Deleted: httpapi.DeployNames{Pipes: []string{"p"}}},
		},
		Problems: []httpapi.DeployProblem{{File: "a.datasource", Text: "no effect", Warning: true}},
	}}
	s := start(t, httpapi.Options{Deployments: f})
	status, text := deployTo(t, s, "/v1/deploy?auto_promote=true&from=cli", map[string]string{"datasources/ä.datasource": "x\r\ny", "b.connection": ""})
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"result":"success","deployment":{"id":"3","status":"data_ready","live":true,"created_at":"2025-04-27 12:00:00.000000","updated_at":"2025-04-27 12:00:00.000000","by":"ci",
		"errors":[],"feedback":[{"resource":"a.datasource","level":"WARNING","message":"no effect"}],
		"new_datasource_names":["a"],"changed_datasource_names":[],"deleted_datasource_names":[],"new_pipe_names":[],"changed_pipe_names":[],"deleted_pipe_names":["p"],
		"new_data_connector_names":[],"changed_data_connector_names":[],"deleted_data_connector_names":[],"token_changes":[],"data_movements":[]}}`, text)
	got := f.wishes[0]
	slices.SortFunc(got.Files, func(a, b httpapi.ProjectFile) int { return strings.Compare(a.Name, b.Name) })
	require.Equal(t, httpapi.Deploying{Files: []httpapi.ProjectFile{{Name: "b.connection"}, {Name: "datasources/ä.datasource", Text: "x\r\ny"}}}, got)

	deployTo(t, s, "/v1/deploy?check=true&allow_destructive_operations=true", nil)
	require.Equal(t, httpapi.Deploying{Check: true, Stage: true, Destructive: true}, f.wishes[1])
	_, text = deployTo(t, s, "/v1/build", nil)
	require.Equal(t, httpapi.Deploying{}, f.wishes[2])
	require.Contains(t, text, `"build":{"id":"3"`)

	// What is wrong stands where each client looks.
	f.outcome = httpapi.DeployOutcome{Result: httpapi.DeployFailed, Problems: []httpapi.DeployProblem{{File: "endpoints/x.pipe", Text: "line\n  ^"}}}
	status, text = deployTo(t, s, "/v1/deploy", nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, text, `"result":"failed","deployment":{"id":"0","status":"failed"`)
	require.Equal(t, 2, strings.Count(text, `"errors":[{"filename":"endpoints/x.pipe","error":"line\n  ^"}]`), text)

	f.outcome = httpapi.DeployOutcome{Result: httpapi.DeployNoChanges}
	_, text = deployTo(t, s, "/v1/deploy", nil)
	require.Contains(t, text, `"result":"no_changes"`)
}

// TestDeployErrors holds each class to its status, and that no path of the server is told.
func TestDeployErrors(t *testing.T) {
	fake := &fakeDeployments{}
	s := start(t, httpapi.Options{Deployments: fake})
	f := func(err error, status int, want string) {
		t.Helper()
		fake.err = err
		got, text := deployTo(t, s, "/v1/deploy", nil)
		require.Equal(t, status, got)
		require.Contains(t, errorText(t, text), want)
		require.NotContains(t, text, "/var/lib")
		resp, text := s.do(t, "POST", "/v1/deployments/2/set-live", nil)
		require.Equal(t, status, resp.StatusCode)
		require.Contains(t, errorText(t, text), want)
	}
	f(fmt.Errorf("%w: 3 too many", httpapi.ErrProjectFiles), http.StatusBadRequest, "the files of the project: 3 too many")
	f(fmt.Errorf("%w: served from a folder", httpapi.ErrDeployRefused), http.StatusConflict, "served from a folder")
	f(fmt.Errorf("%w: by another server", httpapi.ErrDeployBusy), http.StatusServiceUnavailable, "another project is being deployed at the moment")
	f(fmt.Errorf("%w: fsync /var/lib/x", httpapi.ErrDeployUnknown), http.StatusServiceUnavailable, "it is not known whether")
	f(fmt.Errorf("%w: 9", httpapi.ErrNoDeployment), http.StatusNotFound, "no such deployment")
	f(errors.New("read /var/lib/x"), http.StatusInternalServerError, "internal error")

	none := start(t, httpapi.Options{})
	status, text := deployTo(t, none, "/v1/deploy", nil)
	require.Equal(t, http.StatusNotFound, status, text)
}

// TestHostileForms sends what is no form of a project.
func TestHostileForms(t *testing.T) {
	fake := &fakeDeployments{outcome: httpapi.DeployOutcome{Result: httpapi.DeploySuccess}}
	s := start(t, httpapi.Options{Deployments: fake})
	f := func(contentType, body string, status int, want string) {
		t.Helper()
		resp, text := s.do(t, "POST", "/v1/deploy", strings.NewReader(body), "Content-Type", contentType)
		require.Equal(t, status, resp.StatusCode, text)
		require.Contains(t, errorText(t, text), want)
	}
	const form = "multipart/form-data; boundary=x"
	f("text/plain", "x", http.StatusBadRequest, "the body must be a form")
	f(form, "", http.StatusBadRequest, "broken or cut short")
	f(form, "--x\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\"a.datasource\"\r\n\r\nhalf", http.StatusBadRequest, "broken or cut short")
	f(form, "--x\r\nContent-Disposition: form-data; name=\"data_project://\"\r\n\r\n\r\n--x--\r\n", http.StatusBadRequest, "no name of a file")
	f(form, "--x\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\""+strings.Repeat("n", 2000)+"\"\r\n\r\n\r\n--x--\r\n", http.StatusBadRequest, "no name of a file")
	f(form, "--x\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\"a\"\r\n\r\n"+strings.Repeat("n", 1<<20+1)+"\r\n--x--\r\n", http.StatusRequestEntityTooLarge, "has more than")
	f(form, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"y\"\r\n\r\n\r\n", 20_001)+"--x--\r\n", http.StatusBadRequest, "more than 20000 parts")
	f(form, "--x\r\n"+strings.Repeat("H: v\r\n", 20_000)+"\r\n\r\n--x--\r\n", http.StatusRequestEntityTooLarge, "too many headers")
	f(form, strings.Repeat("-", 25<<20), http.StatusRequestEntityTooLarge, "are allowed")
	require.Empty(t, fake.wishes)
}

// TestOneDeployAtATime refuses a second one while the first is under way.
func TestOneDeployAtATime(t *testing.T) {
	fake := &fakeDeployments{entered: make(chan struct{}), gate: make(chan struct{}), outcome: httpapi.DeployOutcome{Result: httpapi.DeploySuccess}}
	s := start(t, httpapi.Options{Deployments: fake})
	body, contentType := projectForm(t, nil)
	first := make(chan error, 1)
	go func() {
		response, err := http.Post(s.url("/v1/deploy"), contentType, strings.NewReader(body)) //nolint:noctx // it ends with the test
		if err == nil {
			err = response.Body.Close()
		}
		first <- err
	}()
	<-fake.entered
	status, text := deployTo(t, s, "/v1/deploy", nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, errorText(t, text), "another project is being deployed")
	close(fake.gate)
	require.NoError(t, <-first)
	require.Len(t, fake.wishes, 1)
}

func TestDeployments(t *testing.T) {
	fake := &fakeDeployments{outcome: httpapi.DeployOutcome{Result: httpapi.DeploySuccess}, list: []httpapi.Deployment{
		{ID: 3, Staged: true, Created: now}, {ID: 2, Live: true, Created: now}, {ID: 1, Created: now.Add(-time.Hour)},
	}}
	dir := t.TempDir()
	token := []string{"Authorization", "Bearer " + create(t, dir, "ci", "WORKSPACE:DEPLOY")}
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	s := start(t, httpapi.Options{Deployments: fake, Tokens: tokens})
	f := func(method, target string, status int, want ...string) {
		t.Helper()
		resp, text := s.do(t, method, target, nil, token...)
		require.Equal(t, status, resp.StatusCode, text)
		for _, w := range want {
			require.Contains(t, text, w)
		}
	}
	ids := func(target string) int {
		t.Helper()
		_, text := s.do(t, "GET", target, nil, token...)
		return strings.Count(text, `"id":`)
	}
	require.Equal(t, 2, ids("/v1/deployments"))
	require.Equal(t, 3, ids("/v1/deployments?include_deleted=true"))
	f("GET", "/v1/deployments/2", 200, `"id":"2","status":"data_ready","live":true`)
	f("GET", "/v1/deployments/3", 200, `"status":"data_ready","live":false`)
	f("GET", "/v1/deployments/1", 200, `"status":"deleted","live":false`)
	for _, target := range []string{"/v1/deployments/4", "/v1/deployments/x", "/v1/deployments/02", "/v1/deployments/-1", "/v1/deployments/2/set-live", "/v1/deployments/99999999999999999999", "/v1/deployments/"} {
		f("GET", target, 404)
	}
	f("POST", "/v1/deployments/1/set-live?allow_destructive_operations=true", 200, `"result":"success"`)
	f("POST", "/v1/deployments/3/set-live", 200)
	require.Equal(t, []string{"1 true ci", "3 false ci"}, fake.promoted)
	f("POST", "/v1/deployments/1", 404)
	f("POST", "/v1/deployments/1/set-dead", 404)
	f("DELETE", "/v1/deployments/3", 200, `{"result":"success"}`)
	require.Equal(t, []int{3}, fake.dropped)
	f("DELETE", "/v1/deployments/3/set-live", 404)
	f("DELETE", "/v1/deployments", 405)
	fake.outcome.Result = httpapi.DeployFailed
	f("POST", "/v1/deployments/3/set-live", 400, `"result":"failed"`)
}

// TestWorkspace asks what clients ask before anything else.
func TestWorkspace(t *testing.T) {
	s := start(t, httpapi.Options{})
	f := func(method, target, want string) {
		t.Helper()
		resp, text := s.do(t, method, target, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		require.Contains(t, text, want)
	}
	f("GET", "/v1/workspace?with_members_and_owner=false&token=x", `{"id":"residual","name":"residual"`)
	f("GET", "/v0/regions?token=x", `{"regions":[]}`)
	f("GET", "/v1/user/workspaces/?with_environments=true&token=x", `"workspaces":[{"id":"residual"`)
	f("GET", "/v1/environments", `{"environments":[]}`)
	f("GET", "/tokens", `"workspace_admin_token":"no-token-is-needed"`)
	f("POST", "/v1/workspaces?name=x", `"token":"no-token-is-needed"`)
	f("GET", "/examples/query.http?format=json&pipe=models&q=&token=x", "/v0/pipes/models.json")
	resp, _ := s.do(t, "GET", "/examples/query.http?pipe=none", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)

	// With tokens a server gives none away.
	dir := t.TempDir()
	admin := create(t, dir, "admin", "ADMIN")
	closed, _ := secured(t, dir)
	for _, target := range []string{"/tokens", "/v1/workspaces"} {
		resp, text := closed.do(t, "GET", target, nil, "Authorization", "Bearer "+admin)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, text)
	}
	_, text := closed.do(t, "GET", "/v1/user/workspaces", nil, "Authorization", "Bearer "+admin)
	require.NotContains(t, text, `"token"`)
}
