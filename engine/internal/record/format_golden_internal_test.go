package record

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/golden"
)

// goldenRecord is a record and the type that its golden file is of.
type goldenRecord struct {
	kind uint8
	*Record
}

// goldenRecords are one record of each type and form.
func goldenRecords(t testing.TB) map[string]goldenRecord {
	t.Helper()
	var batch event.Batch
	for i, known := range []bool{true, false, true} {
		require.NoError(t, batch.Add(event.Event{
			Timestamp: time.UnixMilli(1790000000000 + int64(i)*1500), ModelID: "m", ModelVersion: "v1", Environment: []string{"production", "staging"}[i/2],
			PredictionID: fmt.Sprintf("p%d", i), Features: `{"a":1}`, PredictedValue: 1.25 * float64(i), ActualValue: 2, HasActual: known,
		}, event.Rules{}))
	}
	batch.Rejects = append(batch.Rejects, event.Reject{Line: 4, Column: "features", Code: event.CodeFeatures, Reason: "not JSON", Raw: []byte("{")})
	batch.Rejected[event.CodeFeatures] = 2
	actuals := func(all ...event.Actual) *event.Actuals {
		a := new(event.Actuals)
		for _, x := range all {
			require.NoError(t, a.Add(x, event.Rules{}))
		}
		return a
	}
	bare := actuals(
		event.Actual{ModelID: "m", PredictionID: "p1", Value: 1},
		event.Actual{ModelID: "m", PredictionID: "p9", Value: -2.5, Observed: time.UnixMilli(1790000000000)})
	scoped := actuals(
		event.Actual{ModelID: "m", PredictionID: "p1", Value: 1},
		event.Actual{ModelID: "n", PredictionID: "p9", Withdrawn: true, Observed: time.UnixMilli(1790000000000), ModelVersion: "v1"},
		event.Actual{ModelID: "m", PredictionID: "p9", Value: -2.5, Environment: "staging"})
	scoped.Rejects = append(scoped.Rejects, event.Reject{Line: 4, Column: "actual_value", Code: event.CodeMissing, Reason: "missing", Raw: []byte("{}")})
	scoped.Rejected[event.CodeMissing] = 1
	placed := batch
	placed.Rejects = slices.Clone(batch.Rejects)
	placed.Rejects[0].Place = "topic predictions, partition 3, offset 1234"
	read := []positions.Position{
		{Source: "topics", Part: "predictions/3", Value: "1235"},
		{Source: "topics", Part: "predictions/4"},
		{Source: "objects", Part: "a/b.ndjson", Value: "etag 7"},
	}
	return map[string]goldenRecord{
		"record-predictions":      {KindPredictions, &Record{At: 1790000000000, Trusted: 1790000000000, Keyed: true, Key: idempotency.Key{1}, Hash: [16]byte{2}, Batch: &batch}},
		"record-predictions-kept": {KindPredictions, &Record{At: 1790000000003, Trusted: 1790000000003, Batch: &batch, Keep: true}},
		"record-actuals":          {kindBareActuals, &Record{At: 1790000000001, Trusted: 1790000000001, Actuals: bare}},
		"record-actuals-scoped":   {KindActuals, &Record{At: 1790000000004, Trusted: 1790000000004, Keyed: true, Key: idempotency.Key{1}, Hash: [16]byte{2}, Actuals: scoped}},
		"record-predictions-from": {KindPredictions, &Record{
			At: 1790000000007, Trusted: 1790000000007, Batch: &placed, Origin: Origin{Source: "houses", Positions: read},
		}},
		"record-actuals-from":    {KindActuals, &Record{At: 1790000000008, Trusted: 1790000000008, Actuals: scoped, Origin: Origin{Source: "late"}}},
		"record-positions-alone": {KindPredictions, &Record{At: 1790000000009, Trusted: 1790000000009, Batch: new(event.Batch), Origin: Origin{Positions: read}}},
		"record-deletion": {kindIDDeletion, &Record{At: 1790000000002, Trusted: 1790000000002, Deletion: &Deletion{
			Models: []string{"m"}, IDs: []string{"p1", "p2"}, Window: AllTimes,
		}}},
		"record-doubted": {kindIDDeletion, &Record{At: 1790000000002, Trusted: 1780000000002, Deletion: &Deletion{
			Models: []string{"m"}, IDs: []string{"p1"}, Window: AllTimes,
		}}},
		"record-deletion-rows": {KindDeletion, &Record{At: 1790000000005, Trusted: 1790000000005, Deletion: &Deletion{
			Within: "team_*", Models: []string{"m", "n"}, Versions: []string{"v1"}, Environments: []string{"production", "staging"},
			IDs: []string{"p1"}, Window: base.Span{From: 1790000000000, To: base.MaxMilli},
		}}},
		"record-deletion-rejects": {KindDeletion, &Record{At: 1790000000006, Trusted: 1790000000006, Deletion: &Deletion{
			Target: TargetRejects, Source: SourceActuals, Window: AllTimes,
		}}},
	}
}

// TestGoldenRecords holds that records of version 1 are read. What is written today need not be the same bytes, since how S2
// compresses is up to the processor; it must be read as the same.
func TestGoldenRecords(t *testing.T) {
	var e Encoder
	for name, r := range goldenRecords(t) {
		payload := bytes.Clone(e.Encode(r.Record))
		if golden.Rewriting() && r.kind == r.Kind() {
			golden.Write(t, name, payload)
		}
		requireReads(t, r.Record, r.Kind(), payload)
		requireReads(t, r.Record, r.kind, golden.Read(t, name))
	}
}

// requireReads holds that a record of a type reads as want.
func requireReads(t *testing.T, want *Record, kind uint8, data []byte) {
	t.Helper()
	var d Decoder
	var read Record
	require.NoError(t, d.Decode(&read, kind, data))
	require.Equal(t, want.Moment(), read.Moment())
	require.Equal(t, [4]any{want.Keyed, want.Key, want.Hash, want.Keep}, [4]any{read.Keyed, read.Key, read.Hash, read.Keep})
	require.Equal(t, want.Deletion, read.Deletion)
	require.Equal(t, want.Origin.Source, read.Origin.Source)
	require.Equal(t, append([]positions.Position{}, want.Origin.Positions...), append([]positions.Position{}, read.Origin.Positions...))
	requireSameContent(t, want, &read)
}

func requireSameContent(t testing.TB, want, got *Record) {
	t.Helper()
	if want.Batch != nil {
		require.Equal(t, want.Batch.Len(), got.Batch.Len())
		for i := range want.Batch.Len() {
			require.Equal(t, want.Batch.Event(i), got.Batch.Event(i))
		}
	}
	if want.Actuals != nil {
		require.Equal(t, want.Actuals.Len(), got.Actuals.Len())
		require.Equal(t, want.Actuals.Models, got.Actuals.Models)
		require.Equal(t, want.Actuals.Scopes, got.Actuals.Scopes)
		require.Equal(t, want.Actuals.Known, got.Actuals.Known)
		for i := range want.Actuals.Len() {
			require.Equal(t, want.Actuals.Actual(i), got.Actuals.Actual(i))
		}
	}
	_, wantRejects, wantCounts := want.Rejected()
	_, gotRejects, gotCounts := got.Rejected()
	require.Equal(t, wantCounts, gotCounts)
	require.Len(t, gotRejects, len(wantRejects))
	for i := range wantRejects {
		require.Equal(t, wantRejects[i], gotRejects[i])
	}
}
