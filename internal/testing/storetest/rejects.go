package storetest

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func rejectTests() []test {
	return []test{
		{"rejects: beside the rows of a request", rejectsBesideRows},
		{"rejects: of each source", rejectsOfSources},
		{"rejects: bounded to models", boundedRejects},
		{"rejects: of actuals", rejectsOfActuals},
	}
}

// quarantineLines are "line code text" of rejected lines, the newest first.
func (w *world) quarantineLines(q engine.QuarantineQuery) []string {
	w.Helper()
	var lines []string
	_, err := w.store.EachReject(w.Context(), q, func(r *engine.QuarantineRow) bool {
		lines = append(lines, fmt.Sprintf("%d %s %s", r.LineNumber, r.Code, r.Line))
		return true
	})
	require.NoError(w, err)
	return lines
}

// decode reads a body as a server does.
func (w *world) decode(body ...string) *event.Batch {
	w.Helper()
	var b event.Batch
	require.NoError(w, event.NewDecoder().Decode(&b, []byte(strings.Join(body, "\n")), event.NDJSON, w.store.Rules()))
	return &b
}

func (w *world) sendRejects(lines ...string) {
	w.Helper()
	done, err := w.store.Append(w.Context(), w.decode(lines...))
	require.NoError(w, err)
	require.Equal(w, len(lines), done.Quarantined)
}

const goodLine = `{"timestamp":"2026-01-15 11:00:00","model_id":"m","model_version":"v1","environment":"production","prediction_id":"a","features":"{}","predicted_value":10,"actual_value":8}`

func rejectsBesideRows(w *world) {
	bad := []string{`{"model_id":"m"`, strings.Replace(goodLine, `:10,`, `:"10",`, 1), strings.Replace(goodLine, "2026", "2036", 1)}
	done, err := w.store.Append(w.Context(), w.decode(bad[0], goodLine, bad[1], bad[2]))
	require.NoError(w, err)
	require.Equal(w, []int{1, 3}, []int{done.Successful, done.Quarantined})
	require.Equal(w, []string{"m/v1/production n=1 2"}, w.errors("m"))
	var rows []engine.QuarantineRow
	_, err = w.store.EachReject(w.Context(), engine.QuarantineQuery{}, func(r *engine.QuarantineRow) bool {
		row := *r
		row.Line = append([]byte(nil), r.Line...)
		rows = append(rows, row)
		return true
	})
	require.NoError(w, err)
	require.Len(w, rows, 3)
	for i, r := range rows {
		require.Equal(w, engine.SourcePredictions, r.Source)
		require.Equal(w, bad[2-i], string(r.Line), "the newest first")
		require.Equal(w, []int{4, 3, 1}[i], r.LineNumber)
		require.Equal(w, []event.Code{event.CodeTooNew, event.CodeType, event.CodeSyntax}[i], r.Code)
		require.Equal(w, []string{"timestamp", "predicted_value", ""}[i], r.Column)
		require.NotEmpty(w, r.Reason)
		require.NotEmpty(w, r.ImportID)
		require.Equal(w, rows[0].ImportID, r.ImportID)
		require.WithinDuration(w, w.now, r.InsertedAt, 0)
	}
	w.again()
	require.Len(w, w.quarantineLines(engine.QuarantineQuery{}), 3)
	require.Equal(w, []string{"4 too_new " + bad[2]}, w.quarantineLines(engine.QuarantineQuery{Limit: 1}))
}

func rejectsOfSources(w *world) {
	batch := w.decode(`{"of another source`, goodLine)
	batch.Rejects[0].Place = "topic:3:17"
	_, err := w.store.AppendFrom(w.Context(), batch, engine.Origin{Source: "orders"})
	require.NoError(w, err)
	w.sendRejects(`{"of the first`)
	require.Equal(w, []string{`1 syntax {"of the first`}, w.quarantineLines(engine.QuarantineQuery{Source: engine.SourcePredictions}))
	require.Equal(w, []string{`1 syntax {"of another source`}, w.quarantineLines(engine.QuarantineQuery{Source: "orders"}))
	require.Len(w, w.quarantineLines(engine.QuarantineQuery{}), 2)
	_, err = w.store.EachReject(w.Context(), engine.QuarantineQuery{Source: "orders"}, func(r *engine.QuarantineRow) bool {
		require.Equal(w, "topic:3:17", r.Place)
		require.Equal(w, "orders", r.Source)
		return true
	})
	require.NoError(w, err)
	require.Equal(w, []string{"m/v1/production n=1 2"}, w.errors("m"))
	done := w.deleteRows(engine.Deletion{Source: "orders", Rejects: true})
	require.Equal(w, 1, done.Rejects)
}

func boundedRejects(w *world) {
	w.sendRejects(`{"model_id":"team_a","x":1}`, `{"model_id":"other"}`, "not JSON", `{"model_id":"team_b"}`)
	require.Equal(w, []string{`4 missing {"model_id":"team_b"}`, `1 missing {"model_id":"team_a","x":1}`}, w.quarantineLines(engine.QuarantineQuery{Within: "team_*"}))
	require.Equal(w, []string{`4 missing {"model_id":"team_b"}`}, w.quarantineLines(engine.QuarantineQuery{Within: "team_*", Limit: 1}))
	require.Empty(w, w.quarantineLines(engine.QuarantineQuery{Within: "nobody"}))
	require.Len(w, w.quarantineLines(engine.QuarantineQuery{}), 4)
}

func rejectsOfActuals(w *world) {
	var a event.Actuals
	body := `{"model_id":"m","prediction_id":"a","actual_value":NaN}` + "\n" + `{"model_id":"m","prediction_id":"a","actual_value":7}`
	require.NoError(w, event.NewDecoder().DecodeActuals(&a, []byte(body), event.NDJSON, w.store.Rules()))
	done, err := w.store.AppendActuals(w.Context(), &a)
	require.NoError(w, err)
	require.Equal(w, []int{1, 1}, []int{done.Successful, done.Quarantined})
	require.Len(w, w.quarantineLines(engine.QuarantineQuery{Source: engine.SourceActuals}), 1)
	require.Empty(w, w.quarantineLines(engine.QuarantineQuery{Source: engine.SourcePredictions}))
}
