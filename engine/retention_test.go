package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
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

// TestRetentionOfModels gives models retentions of their own: what is taken, what is dropped and what is there after a restart
// follow the most specific of them, and each is announced by itself.
func TestRetentionOfModels(t *testing.T) {
	const day = 24 * time.Hour
	var logs bytes.Buffer
	dir := t.TempDir()
	all := engine.Options{NoBackground: true, Now: func() time.Time { return testNow }}
	db := openDB(t, dir, all)
	models := []string{"audit", "team", "team_a_1", "team_a_2", "team_a_", "team_a_audit", "team_b", "x"}
	ages := []time.Duration{0, 40 * day, 70 * day, 100 * day, 200 * day, 500 * day}
	stored := func(db *engine.DB) map[string]int {
		counts := make(map[string]int)
		_, err := db.EachRows(context.Background(), engine.RowsQuery{Model: engine.All, Version: engine.All, Environment: engine.All, From: time.UnixMilli(0)}, func(b *engine.RowBatch) bool {
			for _, s := range b.SeriesOf {
				counts[b.Series[s].Model]++
			}
			return true
		})
		require.NoError(t, err)
		return counts
	}
	for _, model := range models {
		for i, age := range ages {
			appendEvents(t, db, newcomer(model, strconv.Itoa(i), age))
		}
	}
	require.NoError(t, db.Checkpoint(context.Background()))
	require.NoError(t, db.Close())

	opts := all
	opts.Retention = 90 * day
	opts.RetentionOf = []engine.ModelRetention{{Models: "team_*", Keep: 60 * day}, {Models: "team_a_*", Keep: 30 * day}, {Models: "team_a_audit"}, {Models: "audit", Keep: 300 * day}}
	opts.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	db = openDB(t, dir, opts)
	want := make(map[string]int)
	for _, model := range models {
		for i, age := range ages {
			e := newcomer(model, "again"+strconv.Itoa(i), age)
			kept := !e.Timestamp.Before(keptFrom(&opts, model, testNow))
			var b event.Batch
			err := b.Add(e, db.Rules())
			require.Equal(t, kept, err == nil, "%s %s: %v", model, age, err)
			if kept {
				want[model] += 2
				appendEvents(t, db, e)
			}
		}
	}
	logs.Reset()
	require.NoError(t, db.Checkpoint(context.Background()))
	require.NoError(t, db.DropExpired())
	dropped := regexp.MustCompile(`dropped, for good".*`).FindAllString(logs.String(), -1)
	require.Len(t, dropped, 4)
	require.Regexp(t, `good" retention=2160h0m0s kept_from=\S+ from=\S+ to=\S+ months=\d+ models=2 rows=\d+$`, dropped[0])
	require.Regexp(t, `good" pattern=audit retention=7200h0m0s kept_from=\S+ from=\S+ to=\S+ months=1 models=1 rows=1$`, dropped[1])
	require.Regexp(t, `good" pattern=team_\* retention=1440h0m0s kept_from=\S+ .*models=1 `, dropped[2])
	require.Regexp(t, `good" pattern=team_a_\* retention=720h0m0s kept_from=\S+ .*models=3 `, dropped[3])
	require.Equal(t, want, stored(db))
	require.NoError(t, db.Close())
	db = openDB(t, dir, opts)
	require.NoError(t, db.DropExpired())
	require.Equal(t, want, stored(db))
}

func TestRetentionOfModelsIsChecked(t *testing.T) {
	for want, of := range map[string][]engine.ModelRetention{
		"a name or a prefix* is needed":       {{Keep: 1}},
		"* is every model":                    {{Models: "*", Keep: 1}},
		`"a*b": a star is allowed at the end`: {{Models: "a*b"}},
		`"a**": a star is allowed at the end`: {{Models: "a**"}},
		`"a": -1ns must not be negative`:      {{Models: "a", Keep: -1}},
		`"a*" is there twice`:                 {{Models: "a*"}, {Models: "a"}, {Models: "a*", Keep: 1}},
		"a name has at most 256 bytes":        {{Models: strings.Repeat("a", 257)}},
	} {
		_, err := engine.Open(t.TempDir(), engine.Options{RetentionOf: of})
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, engine.CheckRetentionOf([]engine.ModelRetention{{Models: strings.Repeat("a", 256) + "*"}}))
}
