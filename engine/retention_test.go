package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// asking looks at the rows of a store whenever something is logged.
type asking struct {
	slog.Handler
	rows func() uint64
	seen *uint64
}

func (a asking) Handle(ctx context.Context, r slog.Record) error {
	*a.seen = a.rows()
	return a.Handler.Handle(ctx, r)
}

// TestRetentionIsAnnounced checks that what retention drops is logged, with counts, while it is still there.
func TestRetentionIsAnnounced(t *testing.T) {
	var (
		db   *engine.DB
		logs bytes.Buffer
		seen uint64
	)
	rows := func() uint64 { return db.Stats().SealedRows }
	dir := t.TempDir()
	db = openDB(t, dir, engine.Options{NoBackground: true})
	stage(t, db, "old", 100*24*time.Hour, 30, around(1, 0.5))
	stage(t, db, "older", 130*24*time.Hour, 12, around(1, 0.5))
	stage(t, db, "young", time.Hour, 5, around(1, 0.5))
	require.NoError(t, db.Checkpoint(context.Background()))
	require.NoError(t, db.Close())

	db = openDB(t, dir, engine.Options{
		NoBackground: true, Retention: 60 * 24 * time.Hour,
		Logger: slog.New(asking{slog.NewTextHandler(&logs, nil), rows, &seen}),
	})
	require.Equal(t, uint64(47), rows())
	logs.Reset()
	require.NoError(t, db.DropExpired())
	require.Regexp(t, `months older than the retention are dropped, for good" retention=1440h0m0s kept_from=\S+ from=\S+ to=\S+ months=2 models=1 rows=42\n`, logs.String())
	require.Equal(t, uint64(47), seen, "logged before it is done")
	require.Equal(t, uint64(5), rows())
	logs.Reset()
	require.NoError(t, db.DropExpired())
	require.Empty(t, logs.String())
}
