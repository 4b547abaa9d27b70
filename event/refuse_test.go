package event_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// What is left of a batch, and what was refused and is decoded again from its line, are the batch.
func TestRefuse(t *testing.T) {
	lines := []string{
		line("model_id", `"a"`), line("model_id", `"b"`), line("model_id", `"a"`), "{", line("actual_value", "null"),
		line("model_version", `"<&>\u2028\""`), line("timestamp", `"2026-08-01 12:00:00.007"`), line("predicted_value", "-0.0"),
	}
	body := strings.Join(lines, "\n")
	refusals := []struct {
		code           event.Code
		column, reason string
	}{
		{event.CodeTooManyModels, "model_id", "a new model, and the store has as many as it may"},
		{event.CodeTooManySeries, "model_version", "a new version or environment, and the model has as many as it may"},
		{event.CodeTooManyMonths, "timestamp", "a new month in the past, and the store has as many as it may"},
	}
	for pattern := range 1 << 7 {
		t.Run(strconv.Itoa(pattern), func(t *testing.T) {
			b := decode(t, body, event.NDJSON, event.Rules{})
			require.Equal(t, 7, b.Len())
			codes := make([]event.Code, b.Len())
			var kept, refused []event.Event
			wantRejects := append([]event.Reject(nil), b.Rejects...)
			for row := range codes {
				if pattern>>row&1 == 0 {
					kept = append(kept, b.Event(row))
					continue
				}
				r := refusals[row%3]
				codes[row] = r.code
				refused = append(refused, b.Event(row))
				wantRejects = append(wantRejects, event.Reject{Column: r.column, Code: r.code, Reason: r.reason})
			}
			left := b.Refuse(codes)
			require.Equal(t, decode(t, body, event.NDJSON, event.Rules{}), b, "the batch is as it was")
			require.Equal(t, kept, eventsOf(left))
			require.Equal(t, len(wantRejects), left.Rejected.Total())
			var again []string
			for i := range left.Rejects {
				if r := &left.Rejects[i]; r.Line == 0 {
					again = append(again, string(r.Raw))
					r.Raw = nil
				}
			}
			require.Equal(t, wantRejects, left.Rejects)
			require.Equal(t, refused, eventsOf(decode(t, strings.Join(again, "\n"), event.NDJSON, event.Rules{})))
			seen := make(map[event.Series]bool)
			for _, e := range kept {
				seen[event.Series{Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment}] = true
			}
			require.Len(t, left.Series, len(seen), "no series without a row")
		})
	}
}

// Refused rows are rejects like others: so many are kept, the others counted.
func TestRefusedRowsAreBounded(t *testing.T) {
	var b event.Batch
	for range event.RejectsMax + 5 {
		require.NoError(t, b.Add(sample(), event.Rules{}))
	}
	codes := make([]event.Code, b.Len())
	for i := range codes {
		codes[i] = event.CodeTooManyModels
	}
	left := b.Refuse(codes)
	require.Zero(t, left.Len())
	require.Len(t, left.Rejects, event.RejectsMax)
	require.Equal(t, event.RejectsMax+5, left.Rejected[event.CodeTooManyModels])
	require.Panics(t, func() { b.Refuse(append(codes[1:], event.CodeSyntax)) })
}

func eventsOf(b *event.Batch) (events []event.Event) {
	for row := range b.Len() {
		events = append(events, b.Event(row))
	}
	return events
}
