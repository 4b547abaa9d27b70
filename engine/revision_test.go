package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/race"
)

// answersAbout is everything that rows and sums of some models say.
func answersAbout(t *testing.T, db *engine.DB, models, within string) string {
	t.Helper()
	var lines []string
	_, err := db.EachRows(t.Context(), engine.RowsQuery{
		Model: models, Version: engine.All, Environment: engine.All, Within: within, From: time.UnixMilli(0), Columns: engine.IDColumn | engine.FeaturesColumn,
	}, func(b *engine.RowBatch) bool {
		for i := range b.Len() {
			lines = append(lines, fmt.Sprint(b.Series[b.SeriesOf[i]], b.Times[i], string(b.IDs.At(i)), string(b.Features.At(i)), b.Predicted[i], b.Known.Get(i), b.Actual[i]))
		}
		return true
	})
	require.NoError(t, err)
	_, err = db.EachReport(t.Context(), engine.ReportQuery{
		Model: models, Version: engine.All, Environment: engine.All, Within: within, From: time.UnixMilli(0),
	}, func(r *engine.ReportRow) bool {
		lines = append(lines, fmt.Sprintf("%+v", *r))
		return true
	})
	require.NoError(t, err)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestRevisions does what changes a store, and what does not, at random: whatever has another answer has another revision, and what
// seals or merges changes neither.
func TestRevisions(t *testing.T) {
	s := seed(t)
	for run := range race.Cases(4) {
		m := newMachine(t, rand.New(rand.NewPCG(s, uint64(run))))
		type about struct{ models, within string }
		asked := []about{{engine.All, ""}, {engine.All, "model_1*"}, {"model_1,model_3", ""}, {"model_*", "model_2,unknown"}, {"unknown", ""}}
		for i := range 5 {
			asked = append(asked, about{fmt.Sprintf("model_%d", i), ""})
		}
		revision := func(a about) uint64 {
			n, err := m.db.Revision(t.Context(), a.models, a.within)
			require.NoError(t, err)
			return n
		}
		changed := 0
		for range 120 {
			revisions, answers := make([]uint64, len(asked)), make([]string, len(asked))
			for i, a := range asked {
				revisions[i], answers[i] = revision(a), answersAbout(t, m.db, a.models, a.within)
			}
			m.change()
			for i, a := range asked {
				if answers[i] != answersAbout(t, m.db, a.models, a.within) {
					changed++
					require.NotEqual(t, revisions[i], revision(a), "%v", a)
				}
				revisions[i] = revision(a)
			}
			models := m.db.Stats().Models
			require.NoError(t, m.db.Checkpoint(context.Background()))
			require.NoError(t, m.db.Merge(context.Background()))
			if m.db.Stats().Models != models {
				continue // one of which nothing is left was forgotten
			}
			for i, a := range asked {
				require.Equal(t, revisions[i], revision(a), "%v", a)
			}
		}
		require.Greater(t, changed, 100)
		require.NoError(t, m.db.Close())
	}
}

// TestRevisionsOfOthers changes a model, which no revision that is not about it shows.
func TestRevisionsOfOthers(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	appendEvents(t, db, newcomer("a", "v", time.Minute), newcomer("b", "v", time.Minute))
	revision := func(models, within string) uint64 {
		n, err := db.Revision(t.Context(), models, within)
		require.NoError(t, err)
		return n
	}
	before := []uint64{revision("a", ""), revision(engine.All, "a*"), revision("b", "a*"), revision("never", "")}
	all, both := revision(engine.All, ""), revision("a,b", "")
	appendEvents(t, db, newcomer("b", "v", time.Second), newcomer("c", "v", time.Second))
	_, err := db.DeleteRows(t.Context(), engine.Deletion{Models: []string{"c"}})
	require.NoError(t, err)
	_, err = db.EachRows(t.Context(), engine.RowsQuery{Model: engine.All, Version: engine.All}, func(*engine.RowBatch) bool { return true })
	require.NoError(t, err)
	require.Equal(t, []uint64{revision("a", ""), revision(engine.All, "a*"), revision("b", "a*"), revision("never", "")}, before)
	require.NotEqual(t, all, revision(engine.All, ""))
	require.NotEqual(t, both, revision("a,b", ""))
	appendEvents(t, db, newcomer("a2", "v", time.Second))
	require.NotEqual(t, before[1], revision(engine.All, "a*"))
	require.NoError(t, db.Close())
	_, err = db.Revision(t.Context(), engine.All, "")
	require.ErrorIs(t, err, engine.ErrClosed)
}
