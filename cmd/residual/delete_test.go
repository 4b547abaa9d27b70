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
