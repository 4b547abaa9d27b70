package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInitTestDeploy writes the project to begin with, checks and tests it, deploys it and goes back.
func TestInitTestDeploy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	do := func(code int, args ...string) result {
		t.Helper()
		r := run(t, args...)
		require.Equal(t, code, r.code, r.out+r.err)
		return r
	}
	require.Contains(t, do(exitOK, "init", dir).out, filepath.Join(dir, ".github", "workflows", "residual.yml"))
	require.Contains(t, do(exitFailure, "init", dir).err, "nothing was written to "+dir+", which has files of these names already: .github/workflows/residual.yml")
	require.Equal(t, "1 data sources, 0 connections, 2 endpoints\n", do(exitOK, "check", dir).out)
	require.Contains(t, do(exitOK, "test", dir).out, "5 passed, 0 failed\n")

	data := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(data, 0o700))
	s := serveDir(t, data)
	deploy := func(code int, args ...string) result {
		t.Helper()
		return do(code, append(args, "--server", s.URL())...)
	}
	const listed = "new data sources: ml_model_predictions\nnew pipes: model_drift_detection, model_performance_metrics\n"
	require.Equal(t, listed+"the project can be deployed; nothing was stored\n", deploy(exitOK, "deploy", dir, "--check").out)
	require.Equal(t, listed+"deployment 1 is live\n", deploy(exitOK, "deploy", dir).out)
	require.Equal(t, "no changes: the project is live as it is\n", deploy(exitOK, "deploy", dir).out)
	require.Contains(t, get(t, s.URL()+"/v0/pipes/model_performance_metrics"), `"sql":"    SELECT`)

	// A pipe that is wrong, as the deployer and as check tell it.
	pipe := filepath.Join(dir, "endpoints", "team.pipe")
	require.NoError(t, os.WriteFile(pipe, []byte("NODE n\nSQL >\n    SELECT model_id, median_of(predicted_value) AS m FROM ml_model_predictions GROUP BY model_id\nTYPE endpoint\n"), 0o600))
	checked := do(exitFailure, "check", dir)
	require.Contains(t, checked.out, "endpoints/team.pipe:3:")
	failed := deploy(exitFailure, "deploy", dir)
	require.Contains(t, failed.out, strings.SplitN(checked.out, "\n1 data sources", 2)[0], "the same words")
	require.Contains(t, failed.err, "nothing was deployed, the project has errors: 1")
	require.NoError(t, os.WriteFile(pipe, []byte("NODE n\nSQL >\n    SELECT model_id, count() AS n FROM ml_model_predictions GROUP BY model_id\nTYPE endpoint\n"), 0o600))
	require.Equal(t, "new pipes: team\ndeployment 2 waits: residual deployments promote 2\n", deploy(exitOK, "deploy", dir, "--stage").out)
	require.Equal(t, "new pipes: team\ndeployment 2 is live\n", deploy(exitOK, "deployments", "promote", "2").out)
	require.Empty(t, get(t, s.URL()+"/v0/pipes/team.csv"))
	require.Contains(t, deploy(exitFailure, "deployments", "rollback").out, "the pipe team is in use, and the project does not have it")
	require.Equal(t, "deleted pipes: team\ndeployment 1 is live\n", deploy(exitOK, "deployments", "rollback", "--allow-destructive-operations").out)
	require.Contains(t, deploy(exitFailure, "deployments", "rollback").err, "there is no deployment before the live one")
	require.Contains(t, deploy(exitFailure, "deployments", "rollback", "2").err, "there is no deployment 2 before the live one, which is 1;")
	require.Equal(t, "new pipes: team\ndeployment 2 is live\n", deploy(exitOK, "deployments", "promote", "2").out)
	require.Equal(t, exitUsage, run(t, "deployments", "rollback", "2", "1").code)
	require.Contains(t, deploy(exitFailure, "deployments", "rollback", "2").err, "there is no deployment 2 before")
	require.Equal(t, "deleted pipes: team\ndeployment 1 is live\n", deploy(exitOK, "deployments", "rollback", "1", "--allow-destructive-operations").out)

	list := deploy(exitOK, "deployments").out
	require.Regexp(t, `(?m)^\s*2 .*\n\s*1 .*live\s*$`, list)
	require.NoError(t, os.Rename(pipe, filepath.Join(dir, "endpoints", "status.pipe")))
	require.Contains(t, do(exitFailure, "check", dir).out, "endpoints/status.pipe:4:1: error: every server has a pipe \"status\"")
	require.Contains(t, deploy(exitFailure, "deploy", dir).out, "endpoints/status.pipe:4:1: error: every server has a pipe \"status\"")
	require.Contains(t, deploy(exitFailure, "deployments", "promote", "7").err, "there is no such deployment")
	require.Contains(t, deploy(exitFailure, "deployments", "discard", "1").err, "can only be replaced")
	require.Contains(t, deploy(exitFailure, "deploy", t.TempDir()).err, "is it the folder of a project?")
	require.Equal(t, exitUsage, run(t, "test").code)
}

// TestDocumentedTests runs the tests that docs/projects.md shows on the project to begin with, and the same with another result.
func TestDocumentedTests(t *testing.T) {
	dir := t.TempDir()
	require.Equal(t, exitOK, run(t, "init", dir).code)
	blocks := fenced(t, "../../docs/projects.md", "yaml")
	require.Len(t, blocks, 1)
	name := filepath.Join(dir, "tests", "model_performance_metrics.yaml")
	require.NoError(t, os.WriteFile(name, []byte(blocks[0]), 0o600))
	r := run(t, "test", dir, "model_performance_metrics")
	require.Equal(t, exitOK, r.code, r.out)
	require.Contains(t, r.out, "2 passed, 0 failed\n")
	require.NoError(t, os.WriteFile(name, []byte(strings.Replace(blocks[0], `"prediction_count":7`, `"prediction_count":8`, 1)), 0o600))
	r = run(t, "test", dir, "model_performance_metrics")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, "1 passed, 1 failed\n")
}

// TestProjectTests holds what `residual test` says of tests that fail, and of files that are none.
func TestProjectTests(t *testing.T) {
	dir := t.TempDir()
	require.Equal(t, exitOK, run(t, "init", dir).code)
	f := func(files map[string]string, want ...string) {
		t.Helper()
		for name, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		r := run(t, "test", dir, "model_drift_detection")
		require.Equal(t, exitFailure, r.code, r.out)
		for _, w := range want {
			require.Contains(t, r.out+r.err, w)
		}
	}
	const drift = "tests/model_drift_detection.yaml"
	f(map[string]string{drift: "- name: a\n  parameters: model_id=price\n  expected_result: |\n    {\"model_id\":\"price\"}\n- name: b\n  parameters: model_id=none\n  expected_http_status: 400\n"},
		"  FAIL  a\n        - {\"model_id\":\"price\"}\n        + {\"model_id\":\"price\",\"model_version\":\"v2\"", "  FAIL  b\n        the status is 200, and 400 is expected", "0 passed, 2 failed", "tests failed: 2 of 2")
	f(map[string]string{drift: "- name: a\n  wanted: x\n"}, drift, "wanted")
	f(map[string]string{drift: "- name: a\n- name: a\n"}, "there are two tests named a")
	f(map[string]string{drift: "- parameters: x\n"}, "test 1 has no name")
	f(map[string]string{drift: "- name: a\n  expected_http_status: 7\n"}, "the expected_http_status 7 is none")
	f(map[string]string{drift: "{"}, drift)
	require.Contains(t, run(t, "test", dir, "none").err, "there is no tests/none.yaml")
	f(map[string]string{drift: ""}, "0 passed, 0 failed", "there is no test in "+dir)
	f(map[string]string{drift: "", "fixtures/ml_model_predictions.ndjson": "{\"timestamp\":\"2026-03-02 12:00:00\"}\n"},
		"fixtures/ml_model_predictions.ndjson: tests: rows were rejected: 1; the first:", "model_id")
	require.NoError(t, os.Remove(filepath.Join(dir, "fixtures", "ml_model_predictions.ndjson")))
	f(map[string]string{"fixtures/none.csv": "a,b\n1,2\n"}, "fixtures/none.csv: the server answered 404", "does not exist")
}
