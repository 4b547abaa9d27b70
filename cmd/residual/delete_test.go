package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// TestDeleteCommand deletes from a directory and from a server: with the count first, asked or not.
func TestDeleteCommand(t *testing.T) {
	store := storeOf(t, 12)
	rows := func() uint64 {
		db, err := engine.Open(store, engine.Options{NoBackground: true})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		s := db.Stats()
		return s.HeadRows + s.SealedRows
	}
	all := rows()
	require.NotZero(t, all)
	const everything = "timestamp > '2000-01-01'"
	r := runWith(t, nil, "", "delete", "--data-dir", store, "--where", everything, "--dry-run")
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `^\d+ predictions meet the conditions\n$`, r.out)
	for _, answer := range []string{"", "no\n", "maybe\n"} {
		r = runWith(t, nil, answer, "delete", "--data-dir", store, "--where", everything)
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, "nothing was deleted")
		require.Equal(t, all, rows())
	}
	r = runWith(t, nil, "", "delete", "--data-dir", store, "--model", "it's not there", "--id", `a\b`, "--yes")
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, "0 predictions were deleted\n", r.out)
	r = runWith(t, nil, "yes\n", "delete", "--data-dir", store, "--where", everything)
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `^\d+ predictions meet the conditions\n\d+ predictions were deleted\n$`, r.out)
	require.Zero(t, rows())

	db, err := engine.Open(storeOf(t, 12), engine.Options{NoBackground: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	server, stop := serveStore(t, db)
	r = runWith(t, nil, "", "delete", "--server", server, "--from", "2000-01-01", "--to", "2100-01-01 00:00:00", "--yes")
	require.Equal(t, exitOK, r.code, r.err)
	require.Regexp(t, `^[1-9]\d* predictions were deleted\n$`, r.out)
	require.Zero(t, db.Stats().HeadRows)
	stop()

	for text, args := range map[string][]string{
		"give at least one condition": {"delete"},
		"AND or ) is expected":        {"delete", "--where", "model_id = 'a' OR 1"},
		"the time is not of the form": {"delete", "--from", "yesterday"},
	} {
		r := run(t, args...)
		require.Equal(t, exitUsage, r.code, r.err)
		require.Contains(t, r.err, text)
	}
	r = run(t, "delete", "--data-dir", t.TempDir(), "--model", "a", "--yes")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "not the directory of a store")
}

// TestDeleteFlags gives flags that would say more than is meant, or two things.
func TestDeleteFlags(t *testing.T) {
	store := storeOf(t, 12)
	for _, flag := range []string{"from", "to", "where", "version", "environment", "id", "model"} {
		for _, empty := range []string{"", " "} {
			r := run(t, "delete", "--data-dir", store, "--model", "m", "--"+flag, empty, "--yes")
			require.Equal(t, exitUsage, r.code, flag)
			require.Contains(t, r.err, "--"+flag+" is given and empty")
		}
	}
	for _, command := range [][]string{{"delete", "--model", "m", "--yes"}, {"backup", t.TempDir()}} {
		r := run(t, append(command, "--data-dir", store, "--server", "http://127.0.0.1:1")...)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, "--data-dir and --server are both given")
	}
	for _, last := range []string{"--dry-run", "--yes"} {
		r := runWith(t, map[string]string{"RESIDUAL_SERVER": "http://127.0.0.1:1"}, "", "delete", "--data-dir", store, "--model", "model_*", last)
		require.Equal(t, exitOK, r.code, r.err)
		require.Contains(t, r.out, "0 predictions")
		require.Contains(t, r.err, "names are literal")
	}
}

// TestTokenBoundToNothing gives a bound that is empty, which must not be none.
func TestTokenBoundToNothing(t *testing.T) {
	for _, models := range []string{"", " ", "a,,b", ","} {
		r := run(t, "token", "create", "a", "--data-dir", t.TempDir(), "--scope", "PIPES:READ:models", "--models", models)
		require.Equal(t, exitUsage, r.code, models)
		require.Empty(t, r.out)
		require.Contains(t, r.err, "--models is given and empty")
	}
}
