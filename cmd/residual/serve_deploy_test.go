package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/starter"
)

// deployOutcome is what a client reads of an answer.
type deployOutcome struct {
	Result     string `json:"result"`
	Deployment struct {
		ID     string `json:"id"`
		Live   bool   `json:"live"`
		Errors []struct {
			Filename, Error string
		} `json:"errors"`
		Feedback []struct{ Message string } `json:"feedback"`
		New      []string                   `json:"new_datasource_names"`
		Deleted  []string                   `json:"deleted_datasource_names"`
	} `json:"deployment"`
	Error string `json:"error"`
}

// deployFiles posts a project, as Tinybird's client does.
func deployFiles(tb testing.TB, address, query string, files map[string]string) (int, *deployOutcome) {
	tb.Helper()
	var form strings.Builder
	w := multipart.NewWriter(&form)
	for name, text := range files {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="data_project://"; filename=%q`, name))
		part, err := w.CreatePart(header)
		require.NoError(tb, err)
		_, err = io.WriteString(part, text)
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	response, err := http.Post(address+"/v1/deploy?"+query, w.FormDataContentType(), strings.NewReader(form.String())) //nolint:noctx // a test's own server
	require.NoError(tb, err)
	defer func() { require.NoError(tb, response.Body.Close()) }()
	out := new(deployOutcome)
	require.NoError(tb, json.NewDecoder(response.Body).Decode(out))
	return response.StatusCode, out
}

// TestServeDeployed deploys, goes back, and starts again.
func TestServeDeployed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s, _ := serveProject(t, "", "--data-dir", data)
	send := func(name, line string, status int) {
		t.Helper()
		got, text := request(t, http.MethodPost, s.URL()+"/v0/events?name="+name, line)
		require.Equal(t, status, got, text)
	}
	const score = `{"ts":1764000000123,"id":"a","model":{"name":"m","version":"v7"},"out":{"score":0.25},"in":{"x":1}}`
	const label = `{"model":"m","id":"a","label":0.5}`
	send("scores", score, http.StatusNotFound)
	status, out := deployFiles(t, s.URL(), "auto_promote=true", map[string]string{"datasources/scores.datasource": scoresFile})
	require.Equal(t, http.StatusOK, status, out)
	require.True(t, out.Deployment.Live)
	require.Equal(t, []string{"scores"}, out.Deployment.New)
	send("scores", score, http.StatusAccepted)

	// What is wrong changes nothing, and is shown with its place.
	status, out = deployFiles(t, s.URL(), "auto_promote=true", map[string]string{
		"datasources/scores.datasource": scoresFile, "datasources/labels.datasource": strings.Replace(labelsFile, "String", "Srting", 1),
	})
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "failed", out.Result)
	require.Equal(t, "datasources/labels.datasource", out.Deployment.Errors[0].Filename)
	require.Contains(t, out.Deployment.Errors[0].Error, "model_id cannot be Srting: it is of the type String")
	require.Contains(t, out.Deployment.Errors[0].Error, "^")
	send("labels", label, http.StatusNotFound)
	send("scores", score, http.StatusAccepted)

	// Folders of the server's machine are not within reach of who deploys.
	status, out = deployFiles(t, s.URL(), "auto_promote=true", map[string]string{
		"scores.datasource": scoresFile + "\nIMPORT_BUCKET_URI file:///etc/*.csv\nIMPORT_SCHEDULE @auto\n",
	})
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, out.Deployment.Errors[0].Error, "names a folder of the server's machine")

	// A data source is deleted only if that is said.
	labels := map[string]string{"labels.datasource": labelsFile}
	status, out = deployFiles(t, s.URL(), "auto_promote=true", labels)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, out.Deployment.Errors[0].Error, "the data source scores is in use")
	_, out = deployFiles(t, s.URL(), "check=true&allow_destructive_operations=true", labels)
	require.Equal(t, "success", out.Result)
	require.Equal(t, []string{"scores"}, out.Deployment.Deleted)
	send("labels", label, http.StatusNotFound)
	_, out = deployFiles(t, s.URL(), "allow_destructive_operations=true", labels) // as older clients do: it waits
	require.False(t, out.Deployment.Live)
	send("labels", label, http.StatusNotFound)
	require.Contains(t, get(t, s.URL()+"/v1/deployments"), `{"id":"2","status":"data_ready","live":false`)
	require.Less(t, strings.Index(get(t, s.URL()+"/v1/deployments"), `"id":"1"`), strings.Index(get(t, s.URL()+"/v1/deployments"), `"id":"2"`))
	status, text := request(t, http.MethodPost, s.URL()+"/v1/deployments/2/set-live?allow_destructive_operations=true", "")
	require.Equal(t, http.StatusOK, status, text)
	status, _ = request(t, http.MethodDelete, s.URL()+"/v1/deployments/1", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, get(t, s.URL()+"/v1/deployments/1"), `"status":"deleted"`)
	send("labels", label, http.StatusAccepted)
	send("scores", score, http.StatusNotFound)

	// Back, and once more after a start.
	status, text = request(t, http.MethodPost, s.URL()+"/v1/deployments/1/set-live?allow_destructive_operations=true", "")
	require.Equal(t, http.StatusOK, status, text)
	send("scores", score, http.StatusAccepted)
	require.NoError(t, s.Stop())
	s = serveDir(t, data)
	send("scores", score, http.StatusAccepted)
	send("labels", label, http.StatusNotFound)
	require.Equal(t, exitOK, run(t, "token", "create", "reader", "--scope", "DATASOURCES:READ:scores", "--data-dir", data).code)
	require.NotEqual(t, exitOK, run(t, "token", "create", "other", "--scope", "DATASOURCES:READ:labels", "--data-dir", data).code)
}

// TestDeployBesideFolder takes no deployments where a folder is served, and says so; what is deployed waits.
func TestDeployBesideFolder(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	require.NoError(t, os.MkdirAll(data, 0o700))
	first := serveDir(t, data)
	_, out := deployFiles(t, first.URL(), "auto_promote=true", map[string]string{"labels.datasource": labelsFile})
	require.True(t, out.Deployment.Live)
	require.NoError(t, first.Stop())
	writeFiles(t, dir, map[string]string{"scores.datasource": scoresFile})
	s, log := serveProject(t, dir, "--data-dir", data)
	require.Contains(t, log.String(), "what is deployed is not served as long as --project is given")
	status, out := deployFiles(t, s.URL(), "auto_promote=true", map[string]string{"labels.datasource": labelsFile})
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, out.Error, "this server serves a folder")
	require.JSONEq(t, `{"deployments":[]}`, get(t, s.URL()+"/v1/deployments"))
	require.NotContains(t, get(t, s.URL()+"/v0/datasources"), `"labels"`)
}

// TestManyFilesDeployFast deploys 200 pipes of the tutorial's size, and as many data sources; a second is theirs on two cores that do nothing
// else, and what is held leaves room for those that do.
func TestManyFilesDeployFast(t *testing.T) {
	pipe, err := fs.ReadFile(starter.Files(), "endpoints/model_drift_detection.pipe")
	require.NoError(t, err)
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("datasources/scores_%03d.datasource", i)] = scoresFile
		files[fmt.Sprintf("endpoints/drift_%03d.pipe", i)] = string(pipe)
	}
	data := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(data, 0o700))
	s := serveDir(t, data)
	began := time.Now()
	_, out := deployFiles(t, s.URL(), "auto_promote=true", files)
	took := time.Since(began)
	require.True(t, out.Deployment.Live, out.Deployment.Errors)
	t.Logf("200 pipes and 200 data sources in %s", took)
	require.Less(t, took, 10*time.Second)
	require.Contains(t, get(t, s.URL()+"/v0/pipes"), `"drift_199"`)
}

// TestFirstDeploymentThatWaits goes the way of older clients: what every server has is live as deployment 0, until the first is promoted.
func TestFirstDeploymentThatWaits(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(data, 0o700))
	s := serveDir(t, data)
	list := func() string { return get(t, s.URL()+"/v1/deployments") }
	require.JSONEq(t, `{"deployments":[]}`, list())
	_, out := deployFiles(t, s.URL(), "", map[string]string{"labels.datasource": labelsFile})
	require.False(t, out.Deployment.Live)
	require.Regexp(t, `^\{"deployments":\[\{"id":"0","status":"data_ready","live":true.*\{"id":"1","status":"data_ready","live":false`, list())
	do := func(method, path string, status int) {
		t.Helper()
		got, text := request(t, method, s.URL()+path, "")
		require.Equal(t, status, got, text)
	}
	do(http.MethodPost, "/v1/deployments/1/set-live", http.StatusOK)
	do(http.MethodDelete, "/v1/deployments/0", http.StatusOK)
	require.Contains(t, get(t, s.URL()+"/v1/deployments/0"), `"status":"deleted"`)
	require.Equal(t, 1, strings.Count(list(), `"status"`))
	do(http.MethodDelete, "/v1/deployments/1", http.StatusConflict)
	do(http.MethodPost, "/v1/deployments/0/set-live", http.StatusNotFound)

	// One that waits and is dropped is told of as one that was.
	deployFiles(t, s.URL(), "allow_destructive_operations=true", map[string]string{"scores.datasource": scoresFile})
	do(http.MethodDelete, "/v1/deployments/2", http.StatusOK)
	require.Contains(t, get(t, s.URL()+"/v1/deployments/2"), `"status":"deleted"`)
	do(http.MethodGet, "/v1/deployments/3", http.StatusNotFound)
}
