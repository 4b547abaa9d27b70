package event_test

import (
	"math"
	"strings"
	"testing"
	"time"

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
			require.Equal(t, []event.Scope{{}}, a.Scopes)
			require.Equal(t, []uint32{0, 0, 0, 0}, a.ScopeOf)
			require.Equal(t, event.Bitmap{0b1111}, a.Known)
			require.Equal(t, []float64{1.5, 0, 2, 1000}, a.Values)
			require.Equal(t, []int64{0, 1785587696000, 0, 0}, a.Observed)
			require.Equal(t, "pred_1pred_2pred_3a", string(a.IDs.Bytes))
		}
	}
}

// Each of a row's version and environment narrows its actual down, and null withdraws it; from a known layout as well as
// from a new one.
func TestActualsScopesAndWithdrawals(t *testing.T) {
	body := `{"model_id":"m","prediction_id":"a","actual_value":null}
{"model_id":"m","prediction_id":"b","actual_value":1,"model_version":"v1"}
{"model_id":"m","prediction_id":"c","actual_value":2,"environment":"staging","model_version":null}
{"actual_value":null,"model_id":"m","prediction_id":"d","model_version":"v\u0031","environment":"staging","timestamp":"2026-08-01 12:34:56"}
{"model_id":"m","prediction_id":"e","actual_value":3,"model_version":"v1"}
{"model_id":"m","prediction_id":"f","actual_value":4}
`
	want := []event.Actual{
		{ModelID: "m", PredictionID: "a", Withdrawn: true},
		{ModelID: "m", PredictionID: "b", Value: 1, ModelVersion: "v1"},
		{ModelID: "m", PredictionID: "c", Value: 2, Environment: "staging"},
		{
			ModelID: "m", PredictionID: "d", Withdrawn: true, Observed: time.UnixMilli(1785587696000).UTC(),
			ModelVersion: "v1", Environment: "staging",
		},
		{ModelID: "m", PredictionID: "e", Value: 3, ModelVersion: "v1"},
		{ModelID: "m", PredictionID: "f", Value: 4},
	}
	d := event.NewDecoder()
	var a event.Actuals
	for range 3 {
		a.Reset()
		require.NoError(t, d.DecodeActuals(&a, []byte(body), event.NDJSON, event.Rules{}))
		require.Empty(t, a.Rejects)
		require.Equal(t, []event.Scope{{}, {Version: "v1"}, {Environment: "staging"}, {Version: "v1", Environment: "staging"}}, a.Scopes)
		require.Equal(t, []uint32{0, 1, 2, 3, 1, 0}, a.ScopeOf)
		require.Equal(t, []float64{0, 1, 2, 0, 3, 4}, a.Values)
		for i, x := range want {
			require.Equal(t, x, a.Actual(i))
		}
	}
}

// What is added as a value comes back the same, whatever was filled in by hand before, and what is no row is not added.
func TestActualsAdd(t *testing.T) {
	a := event.Actuals{Models: []string{"m", "n"}, Scopes: []event.Scope{{}, {Version: "v1"}}}
	want := []event.Actual{
		{ModelID: "n", PredictionID: "a", Value: 1, ModelVersion: "v1"},
		{ModelID: "o", PredictionID: "b", Withdrawn: true, Environment: "e", Observed: time.UnixMilli(1785587696000).UTC()},
		{ModelID: "m", PredictionID: "c", Value: -2},
	}
	for _, x := range want {
		require.NoError(t, a.Add(x, event.Rules{}))
	}
	withdrawn := event.Actual{ModelID: "m", PredictionID: "d", Value: math.NaN(), Withdrawn: true}
	require.NoError(t, a.Add(withdrawn, event.Rules{}))
	withdrawn.Value = 0
	require.Equal(t, []string{"m", "n", "o"}, a.Models)
	require.Equal(t, []event.Scope{{}, {Version: "v1"}, {Environment: "e"}}, a.Scopes)
	for i, x := range append(want, withdrawn) {
		require.Equal(t, x, a.Actual(i))
	}

	f := func(spoil func(x *event.Actual), column string, code event.Code) {
		t.Helper()
		x := event.Actual{ModelID: "m", PredictionID: "p", Value: 1, ModelVersion: "v", Environment: "e"}
		spoil(&x)
		var r *event.Reject
		require.ErrorAs(t, a.Add(x, event.Rules{Oldest: 1, Newest: 1785587696000}), &r)
		require.Equal(t, column, r.Column)
		require.Equal(t, code, r.Code)
		require.Equal(t, 4, a.Len())
	}
	f(func(x *event.Actual) { x.ModelID = "" }, "model_id", event.CodeName)
	f(func(x *event.Actual) { x.PredictionID = "\xff" }, "prediction_id", event.CodeName)
	f(func(x *event.Actual) { x.Value = math.Inf(1) }, "actual_value", event.CodeNumber)
	f(func(x *event.Actual) { x.ModelVersion = "\n" }, "model_version", event.CodeName)
	f(func(x *event.Actual) { x.Environment = strings.Repeat("e", event.NameBytesMax+1) }, "environment", event.CodeName)
	f(func(x *event.Actual) { x.Observed = time.UnixMilli(1785587696001) }, "timestamp", event.CodeTooNew)
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
	f(`{"model_id":"m","prediction_id":"p","actual_value":nul}`, "actual_value", event.CodeSyntax)
	f(`{"model_id":"m","prediction_id":"p","actual_value":null,"actual_value":1}`, "actual_value", event.CodeDuplicate)
	f(`{"model_id":null,"prediction_id":"p","actual_value":null}`, "model_id", event.CodeMissing)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"model_version":""}`, "model_version", event.CodeName)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"environment":"\u0001"}`, "environment", event.CodeName)
	f(`{"model_id":"m","prediction_id":"p","actual_value":1,"environment":7}`, "environment", event.CodeType)
	f(`{"environment":"e","model_id":"m","prediction_id":"p","actual_value":1,"environment":"e"}`, "environment", event.CodeDuplicate)
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
