package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// partFiles are a data source that is fetched with a secret, one that is not, and a pipe.
var partFiles = map[string]string{
	"connections/s3.connection":     "TYPE s3\nS3_ENDPOINT http://127.0.0.1:1\nS3_ACCESS_KEY a\nS3_SECRET {{ tb_secret(\"KEY\") }}\n",
	"datasources/scores.datasource": scoresFile + "\nIMPORT_CONNECTION_NAME s3\nIMPORT_BUCKET_URI s3://bucket/*.ndjson\nIMPORT_SCHEDULE @on-demand\n",
	"datasources/labels.datasource": labelsFile,
	"endpoints/counts.pipe":         "NODE counts\nSQL >\n    SELECT model_id, count() AS n FROM ml_model_predictions GROUP BY model_id\n\nTYPE endpoint\n",
}

// deployedTo serves a directory that files were deployed to, and ends that server.
func deployedTo(t *testing.T, files map[string]string) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(data, 0o700))
	s := serveDir(t, data)
	_, out := deployFiles(t, s.URL(), "auto_promote=true", files)
	require.True(t, out.Deployment.Live, out)
	require.NoError(t, s.Stop())
	return data
}

// answers holds the statuses of a server: of events to a data source, and of pipes.
func answers(t *testing.T, s *serve.Server, status int, names ...string) {
	t.Helper()
	for _, name := range names {
		method, path, body := http.MethodGet, "/v0/pipes/"+name, ""
		if !strings.Contains(name, ".") {
			method, path, body = http.MethodPost, "/v0/events?name="+name, "{}"
		}
		got, text := request(t, method, s.URL()+path, body)
		require.Equal(t, status, got, "%s: %s", name, text)
		require.NotContains(t, text, os.TempDir())
	}
}

const inPart = `"status":"degraded","reason":"what is deployed can be used in part only; 'residual deployments' and the log say why. Events are taken and queries answered"`

// TestServeWithoutASecret starts a server whose deployed project has lost a secret: all is served, but what is fetched with it, until the secret
// is there again.
func TestServeWithoutASecret(t *testing.T) {
	t.Setenv("RESIDUAL_SECRET_KEY", "hush-hush")
	data := deployedTo(t, partFiles)
	written, err := os.ReadFile(filepath.Join(data, "deployments", "deployment-1.json"))
	require.NoError(t, err)
	require.NotContains(t, string(written), "hush")

	require.NoError(t, os.Unsetenv("RESIDUAL_SECRET_KEY"))
	s := serveDir(t, data)
	answers(t, s, http.StatusAccepted, "scores", "labels", "ml_model_predictions")
	answers(t, s, http.StatusOK, "counts.json", "models.json")
	answers(t, s, http.StatusNotFound, "other", "other.json")
	require.Contains(t, get(t, s.URL()+"/health"), "1 of 1 connectors fail")
	require.Contains(t, get(t, s.URL()+"/health"), "what is deployed can be used in part only")
	require.Contains(t, get(t, s.URL()+"/v0/pipes/connectors.csv"), `"scores","files","","failing"`)
	require.Contains(t, get(t, s.URL()+"/v0/pipes/connectors.csv"), `"the secret KEY is not known"`)
	r := run(t, "deployments", "--server", s.URL())
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `(?s)live in part\n.*deployment 1: connections/s3.connection:4:\d+: error: the secret KEY is not known`, r.out)

	// The same files again are no other deployment, and one that is wrong changes nothing.
	status, out := deployFiles(t, s.URL(), "auto_promote=true", partFiles)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, fmt.Sprint(out.Deployment.Errors), "the secret KEY is not known")
	t.Setenv("RESIDUAL_SECRET_KEY", "hush-hush")
	_, out = deployFiles(t, s.URL(), "check=true", partFiles)
	require.Equal(t, "no_changes", out.Result)
	require.Contains(t, get(t, s.URL()+"/health"), "in part only")
	_, out = deployFiles(t, s.URL(), "auto_promote=true", partFiles)
	require.Equal(t, "no_changes", out.Result)
	require.Equal(t, "1", out.Deployment.ID)
	require.NotContains(t, get(t, s.URL()+"/health"), "in part only")
	require.Contains(t, get(t, s.URL()+"/v0/pipes/connectors.csv"), "s3://bucket/*.ndjson")
	require.NotContains(t, run(t, "deployments", "--server", s.URL()).out, "part")
}

// TestReloadOfAPart reads secrets again on a hangup: a part becomes the whole, and the whole stays though a secret goes.
func TestReloadOfAPart(t *testing.T) {
	t.Setenv("RESIDUAL_SECRET_KEY", "hush-hush")
	data := deployedTo(t, partFiles)
	require.NoError(t, os.Unsetenv("RESIDUAL_SECRET_KEY"))
	s := serveDir(t, data)
	reload(t, s)
	require.Contains(t, get(t, s.URL()+"/health"), "in part only")
	t.Setenv("RESIDUAL_SECRET_KEY", "hush-hush")
	reload(t, s)
	require.NotContains(t, get(t, s.URL()+"/health"), "in part only")
	require.NoError(t, os.Unsetenv("RESIDUAL_SECRET_KEY"))
	reload(t, s)
	require.NotContains(t, get(t, s.URL()+"/health"), "in part only")
	require.Contains(t, get(t, s.URL()+"/health"), "an earlier one is in use")
	require.Contains(t, get(t, s.URL()+"/v0/pipes/connectors.csv"), "s3://bucket/*.ndjson")
}

// TestServeWithABrokenFile starts a server whose deployed project has files that this program does not take, as another version may have:
// what they declare is not there for now, rather than not at all, or of another meaning.
func TestServeWithABrokenFile(t *testing.T) {
	data := deployedTo(t, map[string]string{"labels.datasource": labelsFile})
	store, err := deployments.Open(vfs.OS(), data)
	require.NoError(t, err)
	files, err := project.NewFiles([]project.File{
		{Name: "scores.datasource", Text: scoresFile},
		{Name: "d/labels.datasource", Text: strings.Replace(labelsFile, "String", "Srting", 1)},
		{Name: "ml_model_predictions.datasource", Text: "SCHEMAS >\n"},
		{Name: "counts.pipe", Text: partFiles["endpoints/counts.pipe"]},
		{Name: "model_drift_detection.pipe", Text: "NODE a\nSQL >\n    SELECT\n\nTYPE endpoint\n"},
	})
	require.NoError(t, err)
	_, err = store.Add(deployments.Deployment{Created: time.Now(), Files: files}, true)
	require.NoError(t, err)
	s := serveDir(t, data)
	require.Contains(t, get(t, s.URL()+"/health"), inPart)
	answers(t, s, http.StatusAccepted, "scores", "ml_model_actuals")
	answers(t, s, http.StatusOK, "counts.json", "model_performance_metrics.json")
	answers(t, s, http.StatusServiceUnavailable, "labels", "ml_model_predictions", "model_drift_detection.json")
	answers(t, s, http.StatusNotFound, "other", "other.json")
	require.Contains(t, get(t, s.URL()+"/v1/deployments"), `model_id cannot be Srting`)

	_, out := deployFiles(t, s.URL(), "auto_promote=true&allow_destructive_operations=true", map[string]string{"labels.datasource": labelsFile})
	require.True(t, out.Deployment.Live, out)
	require.Contains(t, get(t, s.URL()+"/health"), `"status":"ok"`)
	answers(t, s, http.StatusAccepted, "labels", "ml_model_predictions")
	answers(t, s, http.StatusOK, "model_drift_detection.json")
	answers(t, s, http.StatusNotFound, "scores")
}

// TestServeWithADamagedDeployment starts a server that cannot read what is live: what every server has is there, and other names are not there for
// now, until something else is live.
func TestServeWithADamagedDeployment(t *testing.T) {
	data := deployedTo(t, map[string]string{"scores.datasource": scoresFile})
	require.NoError(t, os.WriteFile(filepath.Join(data, "deployments", "deployment-1.json"), []byte("x"), 0o600))
	s := serveDir(t, data)
	require.Contains(t, get(t, s.URL()+"/health"), inPart)
	answers(t, s, http.StatusAccepted, "ml_model_predictions")
	answers(t, s, http.StatusOK, "models.json")
	answers(t, s, http.StatusServiceUnavailable, "scores", "other", "other.json")
	r := run(t, "deployments", "--server", s.URL())
	require.Contains(t, r.out, "deployment 1: the deployment cannot be read")
	r = run(t, "token", "create", "ops", "--scope", "ADMIN", "--data-dir", data)
	require.Equal(t, exitOK, r.code, r.err)
	r = run(t, "token", "create", "reader", "--scope", "DATASOURCES:READ:scores", "--data-dir", data)
	require.NotEqual(t, exitOK, r.code)
	require.Contains(t, r.err, "deployments: damaged")

	_, out := deployFiles(t, s.URL(), "auto_promote=true", map[string]string{"scores.datasource": scoresFile})
	require.True(t, out.Deployment.Live, out)
	answers(t, s, http.StatusAccepted, "scores")
	answers(t, s, http.StatusNotFound, "other")
	require.Contains(t, get(t, s.URL()+"/health"), `"status":"ok"`)
}

// TestServeWithADamagedList starts a server that cannot read what its deployments are, and takes none.
func TestServeWithADamagedList(t *testing.T) {
	data := deployedTo(t, map[string]string{"scores.datasource": scoresFile})
	require.NoError(t, os.WriteFile(filepath.Join(data, "deployments", "state.json"), []byte("x"), 0o600))
	s := serveDir(t, data)
	require.Contains(t, get(t, s.URL()+"/health"), inPart)
	answers(t, s, http.StatusAccepted, "ml_model_predictions")
	answers(t, s, http.StatusServiceUnavailable, "scores")
	status, out := deployFiles(t, s.URL(), "auto_promote=true", map[string]string{"scores.datasource": scoresFile})
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, out.Error, "the list of what is deployed cannot be read")
	r := run(t, "deployments", "--server", s.URL())
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "the list of what is deployed cannot be read")
	reload(t, s)
	answers(t, s, http.StatusServiceUnavailable, "scores")
}
