package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r := run(t, "token", "list", "--data-dir", dir)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "no such file or directory")
	require.Empty(t, r.out)
	r = run(t, "token", "create", "ops", "--scope", "ADMIN", "--data-dir", dir)
	require.Equal(t, exitOK, r.code, r.err)
	token := strings.TrimSuffix(r.out, "\n")
	require.Greater(t, len(token), 20)
	require.NotContains(t, token, "\n", "the token alone")
	stored, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	require.NoError(t, err)
	require.NotContains(t, string(stored), token)

	r = run(t, "token", "create", "dash", "--scope", "PIPES:READ:models", "--scope", "PIPES:READ:quarantine", "--data-dir", dir)
	require.Equal(t, exitOK, r.code, r.err)
	r = run(t, "token", "list", "--data-dir", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `^name +created +scopes +models\nops +\d{4}-\d\d-\d\d \S+ +ADMIN +\*\ndash +.* PIPES:READ:models PIPES:READ:quarantine +\*\n$`, r.out)
	require.NotContains(t, r.out, token)

	r = run(t, "token", "create", "ops", "--scope", "ADMIN", "--data-dir", dir)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "exists")
	r = run(t, "token", "create", "x", "--scope", "ROOT", "--data-dir", dir)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "ADMIN, WORKSPACE:DEPLOY, DATASOURCES:APPEND:<name>")

	for _, scope := range []string{"PIPES:READ:nope", "DATASOURCES:APPEND:model_performance_metrics", "DATASOURCES:READ:models"} {
		r = run(t, "token", "create", "x", "--scope", scope, "--data-dir", dir)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, "the scope '"+scope+"' is of something that does not exist")
	}

	r = run(t, "token", "create", "team", "--scope", "PIPES:READ:models", "--models", "team_a_*,solo", "--models", "duo", "--data-dir", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `\nteam +.* PIPES:READ:models +team_a_\*,solo,duo\n`, run(t, "token", "list", "--data-dir", dir).out)
	r = run(t, "token", "create", "x", "--scope", "ADMIN", "--models", "team_a_*", "--data-dir", dir)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "cannot be bounded to models")
	r = run(t, "token", "create", "x", "--scope", "PIPES:READ:models", "--models", "*_a", "--data-dir", dir)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "'*_a' have a star before their end")

	require.Equal(t, exitOK, run(t, "token", "revoke", "ops", "--data-dir", dir).code)
	require.NotContains(t, run(t, "token", "list", "--data-dir", dir).out, "ops")
	r = run(t, "token", "revoke", "ops", "--data-dir", dir)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "there is none named")
}

// TestTokenOfAProject makes tokens for the pipes of a project, of a folder and of what is deployed, bounded to models and not.
func TestTokenOfAProject(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	require.NoError(t, os.MkdirAll(data, 0o700))
	files := map[string]string{
		"scores.datasource": scoresFile,
		"worst.pipe":        "TOKEN app READ\nNODE n\nSQL >\n    SELECT model_id, count() AS n FROM predictions GROUP BY model_id ORDER BY model_id\nTYPE endpoint\n",
	}
	writeFiles(t, dir, files)
	f := func(code int, args ...string) string {
		t.Helper()
		r := run(t, append([]string{"token", "create"}, append(args, "--data-dir", data)...)...)
		require.Equal(t, code, r.code, r.err)
		return strings.TrimSpace(r.out + r.err)
	}
	require.Contains(t, f(exitUsage, "x", "--scope", "PIPES:READ:worst"), "of something that does not exist", "nothing is deployed")
	f(exitOK, "folder", "--scope", "PIPES:READ:worst", "--project", dir)
	f(exitOK, "writer", "--project", dir)
	admin := f(exitOK, "ops", "--scope", "ADMIN")

	s := serveDir(t, data)
	deployed := run(t, "deploy", dir, "--server", s.URL(), "--token", admin)
	require.Equal(t, exitOK, deployed.code, deployed.err)
	require.Contains(t, deployed.out, `the token "app", which is given a right, does not exist`)
	require.NotContains(t, deployed.out, `"writer"`)
	require.Contains(t, f(exitUsage, "y"), "at least one scope is needed")
	require.Contains(t, f(exitUsage, "x", "--scope", "PIPES:READ:best"), "PIPES:READ:<name> is for ")
	require.Contains(t, f(exitUsage, "x", "--scope", "PIPES:READ:worst", "--models", "*_a"), "have a star before their end")
	all := f(exitOK, "all", "--scope", "PIPES:READ:worst")
	team := f(exitOK, "team", "--scope", "PIPES:READ:worst", "--models", "team_a_*")
	app := f(exitOK, "app", "--models", "solo,duo")
	require.NoError(t, s.Stop())
	s = serveDir(t, data)
	lines := ""
	var linesSb99 strings.Builder
	for _, model := range []string{"duo", "solo", "team_a_x", "team_b"} {
		linesSb99.WriteString(`{"timestamp":"2026-03-01 10:00:00","model_id":"` + model + `","model_version":"v1","prediction_id":"` + model + `","predicted_value":1,"features":"{}","environment":"production"}` + "\n")
	}
	lines += linesSb99.String()
	sent, err := http.Post(s.URL()+"/v0/events?name=ml_model_predictions&wait=true&token="+admin, "", strings.NewReader(lines)) //nolint:noctx // a test's own server
	require.NoError(t, err)
	require.NoError(t, sent.Body.Close())
	require.Equal(t, http.StatusOK, sent.StatusCode)
	for token, want := range map[string]string{all: "duo solo team_a_x team_b", team: "team_a_x", app: "duo solo"} {
		rows := get(t, s.URL()+"/v0/pipes/worst.csv?token="+token)
		var models []string
		for line := range strings.SplitSeq(strings.TrimSpace(rows), "\n") {
			models = append(models, strings.Trim(strings.Split(line, ",")[0], `"`))
		}
		require.Equal(t, want, strings.Join(models, " "), rows)
	}
}
