package main

import (
	"net"
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
