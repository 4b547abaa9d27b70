package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("a.datasource", "SCHEMA >\n model_id String,\n prediction_id String,\n actual_value Float64\n"+
		"KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID g\n")
	write("k.connection", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:9092\nKAFKA_SECURITY_PROTOCOL SASL_SSL\nKAFKA_KEY u\nKAFKA_SECRET {{ tb_secret(\"PASSWORD\") }}\n")
	r := run(t, "check", dir)
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, "not set here: the secrets PASSWORD\n1 data sources, 1 connections, 0 endpoints\n", r.out)

	write("b.datasource", "SHCEMA >\n model_id \x1bString\n")
	r = run(t, "check", dir)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, "b.datasource:1:1: error: \"SHCEMA\" is no command of a .datasource file")
	require.Contains(t, r.out, `model_id \x1bString`)
	require.Contains(t, r.err, "cannot be used: ")

	require.NoError(t, os.Remove(filepath.Join(dir, "b.datasource")))
	write("models.pipe", "NODE a\nSQL >\n    SELECT 1 AS x\n\nTYPE endpoint\n")
	r = run(t, "check", dir)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, "models.pipe:5:1: error: every server has a pipe \"models\"\n     4 | \n     5 | TYPE endpoint\n       | ^\n     6 | \n  give the file another name\n")

	require.Equal(t, exitFailure, run(t, "check", filepath.Join(dir, "nowhere")).code)
	require.Equal(t, exitUsage, run(t, "check", filepath.Join(dir, "a.datasource")).code)
	require.Equal(t, exitUsage, run(t, "check").code)
}
