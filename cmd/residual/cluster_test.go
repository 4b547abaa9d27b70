package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClusterDDL prints statements for one server and for a replicated cluster, each of which may be run again.
func TestClusterDDL(t *testing.T) {
	const url = "clickhouse://residual@nowhere.invalid:9000/rows"
	one := run(t, "cluster", "ddl", "--store", url)
	require.Equal(t, exitOK, one.code, one.err)
	require.Contains(t, one.out, "CREATE DATABASE IF NOT EXISTS rows;")
	require.NotContains(t, one.out, "Replicated")
	for statement := range strings.SplitSeq(strings.TrimSpace(one.out), ";\n\n") {
		require.Contains(t, statement, "IF NOT EXISTS")
	}
	many := run(t, "cluster", "ddl", "--store", url, "--cluster", "main", "--replicated", "--retention", "90d")
	require.Equal(t, exitOK, many.code, many.err)
	require.Contains(t, many.out, "ReplicatedReplacingMergeTree(")
	require.Contains(t, many.out, "Distributed('main', 'rows', 'predictions', cityHash64(model_id))")
	require.Contains(t, many.out, "toIntervalDay(90)")
}

// TestStorePassword has the password in a file and in the environment: one of them is taken, and what is wrong is said without it.
func TestStorePassword(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	f := func(content, variable, want string) {
		t.Helper()
		flags := clusterFlags{url: "clickhouse://residual@127.0.0.1/residual", passwordFile: file}
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		if content == "" {
			flags.passwordFile = ""
		}
		flags.readPassword(func(name string) (string, bool) {
			require.Equal(t, passwordVariable, name)
			return variable, variable != ""
		})
		c, err := flags.config()
		require.NoError(t, err)
		require.Equal(t, want, c.Password)
		require.Equal(t, []string{"127.0.0.1:9000"}, c.Addresses)
	}
	f("of the file\n", "", "of the file")
	f(" kept \r\n", "", " kept ")
	f("", "of the environment", "of the environment")
	f("", "", "")

	flags := clusterFlags{url: "clickhouse://127.0.0.1/residual", passwordFile: file, password: "x", hasPassword: true}
	_, err := flags.config()
	require.ErrorContains(t, err, "one of them is allowed")
	flags = clusterFlags{url: flags.url, passwordFile: file}
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	_, err = flags.config()
	require.ErrorContains(t, err, "is empty")
	flags.passwordFile = filepath.Join(dir, "nowhere")
	_, err = flags.config()
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestClusterUnreachable asks a server that is not there: the command ends with what it could not reach.
func TestClusterUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	require.NoError(t, ln.Close())
	for _, verb := range []string{"init", "check"} {
		r := run(t, "cluster", verb, "--store", "clickhouse://residual@"+address+"/residual")
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, address)
		require.Empty(t, r.out)
	}
}
