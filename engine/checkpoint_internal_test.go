package engine

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
)

// TestRejectListsAreFew writes a list for each of many checkpoints: they are joined to those of what the quarantine holds.
func TestRejectListsAreFew(t *testing.T) {
	const listsMax = 64
	db, err := Open(t.TempDir(), Options{NoBackground: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for i := range 3 * listsMax {
		db.quarantine.AddRow(quarantine.Row{Line: []byte(strconv.Itoa(i)), InsertedAt: time.Unix(1_700_000_000, 0)})
		require.NoError(t, db.Checkpoint(t.Context()))
		require.LessOrEqual(t, len(db.checkpointer.Files.Manifest.Lists[store.ListRejects]), listsMax)
	}
	var listed []string
	sinks := sidecar.Sinks{Reject: func(row quarantine.Row) { listed = append(listed, string(row.Line)) }}
	for _, l := range db.checkpointer.Files.Manifest.Lists[store.ListRejects] {
		require.NoError(t, sinks.Read(db.checkpointer.Files, store.ListRejects, l.FileRef))
	}
	for i := range 3 * listsMax {
		require.Equal(t, strconv.Itoa(i), listed[i])
	}
}
