package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

func deletionTests() []test {
	return []test{
		{"deletions: by each condition", deletionConditions},
		{"deletions: counted before they are made", countedDeletions},
		{"deletions: rows sent again", rowsAfterDeletion},
		{"deletions: actuals that are remembered", deletedActuals},
		{"deletions: lines of the quarantine", deletedRejects},
		{"deletions: bounded to models", boundedDeletion},
		{"deletions: everything", everythingDeleted},
	}
}

func (w *world) deleteRows(d engine.Deletion) engine.Deleted {
	w.Helper()
	count, err := w.store.CountDeletion(w.Context(), d)
	require.NoError(w, err)
	done, err := w.store.DeleteRows(w.Context(), d)
	require.NoError(w, err)
	count.LSN, done.LSN = 0, 0
	require.Equal(w, count, done, "as many as were counted")
	return done
}

func deletionConditions(w *world) {
	rows := []string{
		"m/v1/production a 08:00:00 11 10", "m/v1/production b 09:00:00 12 10", "m/v2/production c 10:00:00 13 10", "m/v1/staging d 11:00:00 14 ?", "n/v1/production a 11:30:00 15 10",
	}
	f := func(d engine.Deletion, gone ...int) {
		w.Helper()
		w.send(rows...)
		require.Equal(w, engine.Deleted{Rows: uint64(len(gone))}, w.deleteRows(d), "%+v", d)
		var want []string
		for i, r := range rows {
			if len(gone) == 0 || i != gone[0] {
				want = append(want, r)
				continue
			}
			gone = gone[1:]
		}
		require.Equal(w, want, w.rows(engine.RowsQuery{Model: "*"}), "%+v", d)
	}
	f(engine.Deletion{Models: []string{"m"}}, 0, 1, 2, 3)
	f(engine.Deletion{Models: []string{"m", "nobody"}, Versions: []string{"v1"}}, 0, 1, 3)
	f(engine.Deletion{Environments: []string{"staging"}}, 3)
	f(engine.Deletion{IDs: []string{"a", "c"}}, 0, 2, 4)
	f(engine.Deletion{Models: []string{"n"}, IDs: []string{"a", "c"}}, 4)
	f(engine.Deletion{From: at("09:00"), To: at("11:00")}, 1, 2)
	f(engine.Deletion{To: at("09:00")}, 0)
	f(engine.Deletion{From: at("11:00"), Versions: []string{"v1"}}, 3, 4)
	f(engine.Deletion{Models: []string{"M"}})
	f(engine.Deletion{Models: []string{"*"}})
}

func countedDeletions(w *world) {
	w.send("m/v1/production a 08:00 11 10", "m/v1/production b 08:00 11 ?")
	before := w.rows(engine.RowsQuery{Model: "*"})
	count, err := w.store.CountDeletion(w.Context(), engine.Deletion{Models: []string{"m"}})
	require.NoError(w, err)
	require.EqualValues(w, 2, count.Rows)
	require.Equal(w, before, w.rows(engine.RowsQuery{Model: "*"}))
}

func rowsAfterDeletion(w *world) {
	w.send("m/v1/production a 08:00 11 10", "m/v1/production b 08:01 12 10")
	w.deleteRows(engine.Deletion{IDs: []string{"a"}})
	require.Equal(w, []string{"m/v1/production n=1 2"}, w.errors("m"))
	w.again()
	require.Equal(w, []string{"m/v1/production n=1 2"}, w.errors("m"))
	w.actuals("m a 9")
	require.Equal(w, []string{"m/v1/production n=1 2"}, w.errors("m"))
	w.send("m/v1/production a 08:00 13 ?")
	require.Equal(w, []string{"m/v1/production n=2 3"}, w.errors("m"))
	w.deleteRows(engine.Deletion{Models: []string{"m"}})
	require.Empty(w, w.errors("m"))
	require.Empty(w, w.reports(engine.ReportQuery{Model: "m", Version: "*"}), "a series without rows is none")
	w.send("m/v1/production a 08:00 15 ?")
	require.Equal(w, []string{"m/v1/production a 08:00:00 15 ?"}, w.rows(engine.RowsQuery{Model: "m"}), "the actual went with the rows")
}

func deletedActuals(w *world) {
	w.actuals("m a 1", "m b 2", "n a 3", "m c 4 v1/production")
	w.deleteRows(engine.Deletion{Models: []string{"m"}, IDs: []string{"a"}})
	w.deleteRows(engine.Deletion{Source: engine.SourceActuals, Models: []string{"m"}, IDs: []string{"b"}})
	w.send("m/v1/production a 08:00 10 ?", "m/v1/production b 08:01 10 ?", "n/v1/production a 08:02 10 ?", "m/v1/production c 08:03 10 ?")
	require.Equal(w, []string{
		"m/v1/production a 08:00:00 10 ?", "m/v1/production b 08:01:00 10 ?", "n/v1/production a 08:02:00 10 3", "m/v1/production c 08:03:00 10 4",
	}, w.rows(engine.RowsQuery{Model: "*"}))
	w.deleteRows(engine.Deletion{Models: []string{"m"}, From: at("08:03")})
	w.send("m/v1/production c 08:03 10 ?")
	require.Contains(w, w.rows(engine.RowsQuery{Model: "m"}), "m/v1/production c 08:03:00 10 4", "a deletion of a window leaves the actual for rows that are sent again")
	w.deleteRows(engine.Deletion{Source: engine.SourceActuals, Models: []string{"m"}})
	require.Contains(w, w.rows(engine.RowsQuery{Model: "m"}), "m/v1/production c 08:03:00 10 4", "rows keep the actuals that they have")
}

func deletedRejects(w *world) {
	w.sendRejects("one", "two")
	w.send("m/v1/production a 08:00 10 9")
	require.Len(w, w.quarantineLines(engine.QuarantineQuery{}), 2)
	done := w.deleteRows(engine.Deletion{Source: engine.SourcePredictions, Rejects: true})
	require.Equal(w, engine.Deleted{Rejects: 2}, done)
	require.Empty(w, w.quarantineLines(engine.QuarantineQuery{}))
	require.Len(w, w.errors("m"), 1)
}

func boundedDeletion(w *world) {
	w.send("team_a/v1/production a 08:00 10 9", "team_b/v1/production a 08:00 10 9", "other/v1/production a 08:00 10 9")
	require.EqualValues(w, 2, w.deleteRows(engine.Deletion{IDs: []string{"a"}, Within: "team_*"}).Rows)
	require.Equal(w, []string{"other/v1/production n=1 1"}, w.errors("*"))
	require.EqualValues(w, 0, w.deleteRows(engine.Deletion{Models: []string{"other"}, Within: "team_*"}).Rows)
}

func everythingDeleted(w *world) {
	var rows []string
	for i := range 200 {
		rows = append(rows, fmt.Sprintf("m%d/v1/production %d -%dd/08:00 10 9", i%9, i, i))
	}
	w.send(rows...)
	require.EqualValues(w, 200, w.deleteRows(engine.Deletion{}).Rows)
	require.Empty(w, w.rows(engine.RowsQuery{Model: "*"}))
	require.Empty(w, w.errors("*"))
	w.now = w.now.Add(time.Second)
	w.send(rows[:3]...)
	w.again()
	require.Len(w, w.rows(engine.RowsQuery{Model: "*"}), 3)
}
