package main

import (
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
