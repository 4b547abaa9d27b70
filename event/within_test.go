package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// oneOf matches some models.
type oneOf map[string]bool

func (o oneOf) Matches(model string) bool { return o[model] }

// TestWithin decodes bodies with and without a bound: what is bounded away is quarantined where it stands, and the rest is as
// it is without.
func TestWithin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	within := oneOf{"a": true, "a-model-with-a-name-longer-than-two-words": true, "é\"\\": true}
	names := []string{"a", "b", "a-model-with-a-name-longer-than-two-words", "a-model-with-a-name-longer-than-two-wordz", "é\"\\", "A", "a ", "ab"}
	d := event.NewDecoder()
	for range 50 {
		var predictions, actuals strings.Builder
		var rows []string // the model of each line, empty for one that is no row
		for i := range 1 + r.IntN(60) {
			name := names[r.IntN(len(names))]
			quoted, err := json.Marshal(name)
			require.NoError(t, err)
			value := "1"
			if r.IntN(5) == 0 {
				name, value = "", `"1"`
			}
			rows = append(rows, name)
			fmt.Fprintf(&predictions, `{"timestamp":"2026-01-02 03:04:05","model_id":%s,"prediction_id":"p%d","features":"{}","predicted_value":%s,"model_version":"v","environment":"e"}`+"\n", quoted, i, value)
			fmt.Fprintf(&actuals, `{"model_id":%s,"prediction_id":"p%d","actual_value":%s}`+"\n", quoted, i, value)
		}
		var batch event.Batch
		require.NoError(t, d.Decode(&batch, []byte(predictions.String()), event.NDJSON, event.Rules{Within: within}))
		var some event.Actuals
		require.NoError(t, d.DecodeActuals(&some, []byte(actuals.String()), event.NDJSON, event.Rules{Within: within}))
		refused := map[int]bool{}
		for i := range batch.Rejects {
			require.Equal(t, batch.Rejects[i].Line, some.Rejects[i].Line)
			if x := &batch.Rejects[i]; x.Code == event.CodeOtherModel {
				require.Equal(t, event.CodeOtherModel, some.Rejects[i].Code)
				require.Equal(t, "model_id", x.Column)
				require.Contains(t, string(x.Raw), fmt.Sprintf(`"p%d"`, x.Line-1))
				refused[x.Line] = true
			}
		}
		row := 0
		for i, name := range rows {
			require.Equal(t, name != "" && !within[name], refused[i+1], name)
			if name == "" || refused[i+1] {
				continue
			}
			require.Equal(t, name, batch.Event(row).ModelID)
			require.Equal(t, fmt.Sprint("p", i), batch.Event(row).PredictionID)
			require.Equal(t, name, some.Actual(row).ModelID)
			row++
		}
		require.Equal(t, batch.Len(), row)
		require.Equal(t, some.Len(), row)
		require.Equal(t, len(refused), batch.Rejected[event.CodeOtherModel])
	}
	// The bounds of time hold beside it, and none come of it.
	e := event.Event{
		Timestamp: time.UnixMilli(5000), ModelID: "b", PredictionID: "p", Features: "{}", ModelVersion: "v", Environment: "e",
	}
	reject, ok := new(event.Batch).Add(e, event.Rules{Within: within}).(*event.Reject) //nolint:errorlint // it is the reject itself
	require.True(t, ok)
	require.Equal(t, event.CodeOtherModel, reject.Code)
	e.ModelID = "a"
	require.NoError(t, new(event.Batch).Add(e, event.Rules{Within: within}))
	require.Error(t, new(event.Batch).Add(e, event.Rules{Within: within, Oldest: 6000, Newest: 7000}))
	require.Error(t, new(event.Actuals).Add(event.Actual{ModelID: "b", PredictionID: "p"}, event.Rules{Within: within}))
}

// keptOf tells from when rows of a model are kept.
type keptOf func(model string) int64

func (k keptOf) OldestOf(model string) int64 { return k(model) }

// TestOldestOf decodes rows of models that are kept for different times, with and without a bound on models: each row is held to
// the first timestamp of its own model, and the model is asked about old rows alone.
func TestOldestOf(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	oldest := map[string]int64{"a": 1000, "b": 5000, "c\"": 9000, "d": 1000}
	names := []string{"a", "b", "c\"", "d"}
	asked := 0
	rules := event.Rules{Oldest: 1000, Newest: 20_000, KeptByAll: 9000, Kept: keptOf(func(model string) int64 {
		asked++
		return oldest[model]
	})}
	d := event.NewDecoder()
	for round := range 40 {
		rules.Within = nil
		if round%2 == 0 {
			rules.Within = oneOf{"a": true, "b": true, "c\"": true}
		}
		var predictions, actuals strings.Builder
		var want, wantActuals []event.Code
		for i := range 1 + r.IntN(60) {
			name, ms := names[r.IntN(len(names))], 1000*r.Int64N(12)+r.Int64N(3)-1
			ms = max(ms, 0)
			code := event.CodeNone
			switch {
			case ms < 1000:
				code = event.CodeTooOld
			case rules.Within != nil && name == "d":
				code = event.CodeOtherModel
			case ms < oldest[name]:
				code = event.CodeTooOld
			}
			quoted, err := json.Marshal(name)
			require.NoError(t, err)
			at := time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000")
			fmt.Fprintf(&predictions, `{"timestamp":"%s","model_id":%s,"prediction_id":"p%d","features":"{}","predicted_value":1,"model_version":"v","environment":"e"}`+"\n", at, quoted, i)
			want = append(want, code)
			added := new(event.Batch).Add(event.Event{
				Timestamp: time.UnixMilli(ms), ModelID: name, PredictionID: "p", Features: "{}", ModelVersion: "v", Environment: "e",
			}, rules)
			require.Equal(t, code, codeOf(added))
			x := event.Actual{ModelID: name, PredictionID: "p", Observed: time.UnixMilli(ms)}
			stamp := fmt.Sprintf(`"timestamp":"%s",`, at)
			if r.IntN(3) == 0 { // which is not observed at any time
				x.Observed, stamp = time.Time{}, ""
				if code = event.CodeNone; rules.Within != nil && name == "d" {
					code = event.CodeOtherModel
				}
			}
			require.Equal(t, code, codeOf(new(event.Actuals).Add(x, rules)))
			fmt.Fprintf(&actuals, `{%s"model_id":%s,"prediction_id":"p%d","actual_value":1}`+"\n", stamp, quoted, i)
			wantActuals = append(wantActuals, code)
		}
		var batch event.Batch
		require.NoError(t, d.Decode(&batch, []byte(predictions.String()), event.NDJSON, rules))
		require.Equal(t, want, codes(batch.Rejects, len(want)))
		var some event.Actuals
		require.NoError(t, d.DecodeActuals(&some, []byte(actuals.String()), event.NDJSON, rules))
		require.Equal(t, wantActuals, codes(some.Rejects, len(wantActuals)))
	}
	asked = 0
	young := `{"timestamp":"1970-01-01 00:00:09","model_id":"c\"","prediction_id":"p","features":"{}","predicted_value":1,"model_version":"v","environment":"e"}`
	require.NoError(t, d.Decode(new(event.Batch), []byte(young), event.NDJSON, rules))
	require.Zero(t, asked)
}

// codes are those of so many lines.
func codes(rejects []event.Reject, lines int) []event.Code {
	found := make([]event.Code, lines)
	for i := range rejects {
		found[rejects[i].Line-1] = rejects[i].Code
	}
	return found
}

func codeOf(err error) event.Code {
	if reject, ok := errors.AsType[*event.Reject](err); ok {
		return reject.Code
	}
	return event.CodeNone
}

// TestModelOf tells the model of rejected lines, and of none that may be about another.
func TestModelOf(t *testing.T) {
	for line, want := range map[string]string{
		`{"model_id":"a"}`: "a",
		" { \"x\" : [1,{\"model_id\":\"b\"}] , \"model_id\" : \"a\" }\r": "a",
		`{"model_id":"a","predicted_value":01,"y":NaN,"z":1e999}`:        "a",
		`{"model\u005fid":"\u0061\n"}`:                                   "",
		`{"model\u005fid":"\u0061"}`:                                     "a",
		`{"model_id":"a",}`:                                              "a",
		"{\n \"model_id\": \"a\",\n \"x\": \"\x01\"\n}":                  "a",
		`{"model_id":"a","features":"}{\"model_id\":\"b\""}`:             "a",
		`{"x":"\"model_id\":\"b\"","model_id":"a"}`:                      "a",
		``:  "",
		`{`: "", `{}`: "", `"a"`: "", `a`: "", `null`: "", `[{"model_id":"a"}]`: "", `}`: "", `{]`: "", `{"`: "", `{"a`: "", `{"a"`: "", `{"a":`: "", `{"a":}`: "",
		`{"model_id":"a"`: "", `{"model_id":"a"}}`: "", `{"model_id":"a"}{"model_id":"a"}`: "", `{"model_id":"a"}]`: "", `{"model_id":"a"]`: "",
		`{"model_id":"a","model_id":"b"}`: "", `{"model_id":"a","model_id":"a"}`: "", `{"model_id":"a","model\u005fid":"b"}`: "",
		`{"model_id":1}`: "", `{"model_id":null}`: "", `{"model_id":["a"]}`: "", `{"model_id":""}`: "", `{"model_id":"a"x}`: "", `{"model_id":"a\u0000"}`: "",
		`{"MODEL_ID":"a"}`: "", `{"model_id" "a"}`: "", `{model_id:"a"}`: "", `{"model_id":"a""x":1}`: "", `{"model_id":"a","x":1"},"model_id":"b"}`: "",
		"{\"model_id\":\"a\xff\"}": "", "{\"model_id\":\"a\x7f\"}": "", `{"model_id":"` + strings.Repeat("a", event.NameBytesMax+1) + `"}`: "",
		`{"model_id":"a","features":"` + event.RawMarker:                 "",
		`{"model_id":"a", {"model_id":"b"}}`:                             "",
		`{"model_id":"a","environment":"prod{"model_id":"b","x":"y"}`:    "",
		`{"model_id":"` + strings.Repeat("a", event.NameBytesMax) + `"}`: strings.Repeat("a", event.NameBytesMax),
	} {
		model, ok := event.ModelOf([]byte(line))
		require.Equal(t, want, model, line)
		require.Equal(t, want != "", ok, line)
	}
}

// FuzzModelOf finds the model of every row, and never another one.
func FuzzModelOf(f *testing.F) {
	f.Add([]byte(`{"timestamp":"2026-01-02 03:04:05","model_id":"a","prediction_id":"p","features":{"model_id":"b"},"predicted_value":1,"model_version":"v","environment":"e"}`))
	f.Add([]byte(`{"model_id":"a","x":1"},"model_id":"b"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF")) // which is none of the first line's own
		model, ok := event.ModelOf(line)
		require.Equal(t, ok, model != "")
		var batch event.Batch
		require.NoError(t, event.NewDecoder().Decode(&batch, line, event.NDJSON, event.Rules{}))
		if batch.Len() == 1 && len(batch.Rejects) == 0 {
			require.True(t, ok)
			require.Equal(t, batch.Event(0).ModelID, model)
		}
	})
}
