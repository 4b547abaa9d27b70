package event_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

func TestActuals(t *testing.T) {
	body := `{"model_id":"model_5","prediction_id":"pred_1","actual_value":1.5}
{"model_id":"model_5","prediction_id":"pred_2","actual_value":-0,"timestamp":"2026-08-01 12:34:56"}
{"model_id":"model_2","prediction_id":"pred_3","actual_value":2,"timestamp":null,"features":1,"environment":null}
{"actual_value":1e3,"prediction_id":"\u0061","model_id":"model_5"}
`
	for _, format := range []event.Format{event.NDJSON, event.JSON} {
		var a event.Actuals
		d := event.NewDecoder()
		text := body
		if format == event.JSON {
			text = "[" + body[:len(body)-1] + "]"
			text = strings.ReplaceAll(text, "}\n{", "},\n{")
		}
		for range 2 {
			a.Reset()
			require.NoError(t, d.DecodeActuals(&a, []byte(text), format, event.Rules{}))
			require.Empty(t, a.Rejects)
			require.Equal(t, 4, a.Len())
			require.Equal(t, []string{"model_5", "model_2"}, a.Models)
			require.Equal(t, []uint32{0, 0, 1, 0}, a.ModelOf)
			require.Equal(t, []float64{1.5, 0, 2, 1000}, a.Values)
			require.Equal(t, []int64{0, 1785587696000, 0, 0}, a.Observed)
			require.Equal(t, "pred_1pred_2pred_3a", string(a.IDs.Bytes))
		}
	}
}

func TestActualsRejects(t *testing.T) {
	f := func(text, column string, code event.Code) {
		t.Helper()
		var a event.Actuals
		d := event.NewDecoder()
		good := `{"model_id":"m","prediction_id":"p","actual_value":1}`
		rules := event.Rules{Oldest: 1, Newest: 1785587696000}
		require.NoError(t, d.DecodeActuals(&a, []byte(good+"\n"+text+"\n"+good), event.NDJSON, rules))
		require.Equal(t, 2, a.Len())
		require.Len(t, a.Rejects, 1)
		require.Equal(t, 2, a.Rejects[0].Line)
		require.Equal(t, column, a.Rejects[0].Column)
		require.Equal(t, code, a.Rejects[0].Code)
		require.Equal(t, 1, a.Rejected[code])
		require.Equal(t, text, string(a.Rejects[0].Raw))
	}
	f(`{"model_id":"m","prediction_id":"p"}`, "actual_value", event.CodeMissing)
	f(`{"model_id":"m","prediction_id":"p","actual_value":null}`, "actual_value", event.CodeMissing)
	f(`{"prediction_id":"p","actual_value":1}`, "model_id", event.CodeMissing)
	f(`{"model_id":"m","actual_value":1}`, "prediction_id", event.CodeMissing)
	f(`{"model_id":"m","prediction_id":"p","actual_value":"1"}`, "actual_value", event.CodeType)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"timestamp":1}`, "timestamp", event.CodeType)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"timestamp":"2026-08-01 12:34:57"}`, "timestamp", event.CodeTooNew)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"timestamp":"1970-01-01 00:00:00"}`, "timestamp", event.CodeTooOld)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"features":01}`, "", event.CodeNumber)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"features":1,"features":1}`, "", event.CodeDuplicate)
}

// A layout that was learned from predictions says nothing about actuals.
func TestActualsAfterPredictions(t *testing.T) {
	d := event.NewDecoder()
	var b event.Batch
	var a event.Actuals
	for range 3 {
		require.NoError(t, d.Decode(&b, []byte(line("", "")), event.NDJSON, event.Rules{}))
		require.NoError(t, d.DecodeActuals(&a, []byte(line("features", "5")+"\n"+line("", "")), event.NDJSON, event.Rules{}))
	}
	require.Equal(t, 3, b.Len())
	require.Equal(t, 6, a.Len())
	require.Empty(t, a.Rejects)
	require.Equal(t, []string{"model_5"}, a.Models)
}
