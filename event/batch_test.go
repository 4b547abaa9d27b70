package event_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

func sample() event.Event {
	return event.Event{
		Timestamp: time.Date(2026, 8, 1, 12, 34, 56, 789e6, time.UTC), ModelID: "model_5", PredictionID: "pred_1",
		Features: `{"feature1":10}`, PredictedValue: 17456.27, ActualValue: 17460.11, HasActual: true,
		ModelVersion: "v5.4", Environment: "production",
	}
}

// requireSound requires what every batch promises.
func requireSound(t *testing.T, b *event.Batch) {
	t.Helper()
	n := b.Len()
	require.Equal(t, []int{n, n, n, n, n}, []int{len(b.SeriesOf), len(b.Predicted), len(b.Actual), b.IDs.Len(), b.Features.Len()})
	require.Len(t, b.Known, (n+63)/64)
	seen := map[event.Series]bool{}
	next := uint32(0)
	for i, s := range b.SeriesOf {
		require.LessOrEqual(t, s, next, "series in the order of their first row")
		next = max(next, s+1)
		require.True(t, b.Known.Get(i) || b.Actual[i] == 0)
	}
	require.Len(t, b.Series, int(next))
	for _, s := range b.Series {
		require.False(t, seen[s], "series twice: %v", s)
		seen[s] = true
	}
	for i := n; i < 64*len(b.Known); i++ {
		require.False(t, b.Known.Get(i))
	}
}

func TestAdd(t *testing.T) {
	var b event.Batch
	var want []event.Event
	for i := range 130 {
		e := sample()
		e.PredictionID = fmt.Sprint("pred_", i)
		e.ModelID = fmt.Sprint("model_", i%3)
		if e.HasActual = i%2 == 0; !e.HasActual {
			e.ActualValue = 0
		}
		require.NoError(t, b.Add(e, event.Rules{}))
		want = append(want, e)
	}
	requireSound(t, &b)
	require.Len(t, b.Series, 3)
	for i, e := range want {
		require.Equal(t, e, b.Event(i))
	}
	b.Reset()
	require.Zero(t, b.Len())
	requireSound(t, &b)
	require.NoError(t, b.Add(want[1], event.Rules{}))
	require.Equal(t, want[1], b.Event(0))
}

// A time is kept to the millisecond, in UTC; an actual only if there is one.
func TestAddNormalises(t *testing.T) {
	var b event.Batch
	e := sample()
	e.Timestamp = time.Date(2026, 8, 1, 14, 34, 56, 789_999_999, time.FixedZone("", 7200))
	e.HasActual = false
	require.NoError(t, b.Add(e, event.Rules{}))
	require.Equal(t, sample().Timestamp, b.Event(0).Timestamp)
	require.Zero(t, b.Event(0).ActualValue)
}

func TestAddRejects(t *testing.T) {
	f := func(change func(*event.Event), column string, code event.Code) {
		t.Helper()
		var b event.Batch
		require.NoError(t, b.Add(sample(), event.Rules{}))
		e := sample()
		change(&e)
		var reject *event.Reject
		require.ErrorAs(t, b.Add(e, event.Rules{}), &reject)
		require.Equal(t, column, reject.Column)
		require.Equal(t, code, reject.Code)
		require.NotEmpty(t, reject.Reason)
		require.Equal(t, 1, b.Len())
		require.Len(t, b.Series, 1)
		require.Empty(t, b.Rejects)
	}
	f(func(e *event.Event) { *e = event.Event{} }, "timestamp", event.CodeTooOld)
	f(func(e *event.Event) { e.Timestamp = e.Timestamp.AddDate(200, 0, 0) }, "timestamp", event.CodeTooNew)
	f(func(e *event.Event) { e.ModelID = "" }, "model_id", event.CodeName)
	f(func(e *event.Event) { e.ModelID = "\xFF" }, "model_id", event.CodeName)
	f(func(e *event.Event) { e.PredictionID = strings.Repeat("x", 257) }, "prediction_id", event.CodeName)
	f(func(e *event.Event) { e.Features = "" }, "features", event.CodeFeatures)
	f(func(e *event.Event) { e.Features = `{"a":1,"a":1}` }, "features", event.CodeFeatures)
	f(func(e *event.Event) { e.Features = strings.Repeat(" ", 64<<10) + "1" }, "features", event.CodeFeatures)
	f(func(e *event.Event) { e.PredictedValue = math.NaN() }, "predicted_value", event.CodeNumber)
	f(func(e *event.Event) { e.ActualValue = math.Inf(-1) }, "actual_value", event.CodeNumber)
	f(func(e *event.Event) { e.ModelVersion = "a\n" }, "model_version", event.CodeName)
	f(func(e *event.Event) { e.Environment = "\u009F" }, "environment", event.CodeName)
}

// Bodies and events add up in one batch, through one Decoder or several.
func TestBatchGrows(t *testing.T) {
	var b event.Batch
	d1, d2 := event.NewDecoder(), event.NewDecoder()
	for range 3 {
		require.NoError(t, b.Add(sample(), event.Rules{}))
		require.NoError(t, d1.Decode(&b, []byte(line("", "")+"\n"+line("model_id", `"other"`)), event.NDJSON, event.Rules{}))
		require.NoError(t, d2.Decode(&b, []byte(line("environment", `"staging"`)), event.NDJSON, event.Rules{}))
		other := event.Batch{}
		require.NoError(t, d1.Decode(&other, []byte(line("model_id", `"other"`)+"\nx"), event.NDJSON, event.Rules{}))
		require.NoError(t, d2.Decode(&b, []byte("x"), event.NDJSON, event.Rules{}))
	}
	requireSound(t, &b)
	require.Equal(t, 12, b.Len())
	require.Len(t, b.Series, 3)
	require.Len(t, b.Rejects, 3)
	require.Equal(t, []uint32{0, 0, 1, 2, 0, 0, 1, 2, 0, 0, 1, 2}, b.SeriesOf)
}

// A batch whose columns were filled by hand is as good as any.
func TestBatchByHand(t *testing.T) {
	s := event.Series{Model: "model_5", Version: "v5.4", Environment: "production"}
	b := event.Batch{
		Series: []event.Series{{Model: "x", Version: "y", Environment: "z"}, s}, SeriesOf: []uint32{0, 1},
		Timestamps: []int64{1, 2}, Predicted: []float64{1, 2}, Actual: []float64{0, 3}, Known: event.Bitmap{2},
	}
	b.IDs.AppendString("a")
	b.IDs.AppendString("b")
	b.Features.AppendString("{}")
	b.Features.AppendString("{}")
	require.NoError(t, b.Add(sample(), event.Rules{}))
	require.NoError(t, event.NewDecoder().Decode(&b, []byte(line("", "")), event.NDJSON, event.Rules{}))
	requireSound(t, &b)
	require.Equal(t, []uint32{0, 1, 1, 1}, b.SeriesOf)
}

// Nothing in a batch points into the body.
func TestBatchOwnsItsMemory(t *testing.T) {
	for _, format := range []event.Format{event.NDJSON, event.JSON} {
		text := line("", "") + "\n" + line("model_id", `"Málaga"`) + "\n" + line("features", `{"a": 1}`) + "\nx\n" + line("", "")
		if format == event.JSON {
			text = "[" + strings.ReplaceAll(text, "\n", ",") + "]"
		}
		body := []byte(text)
		var got, want event.Batch
		require.NoError(t, event.NewDecoder().Decode(&want, []byte(text), format, event.Rules{}))
		require.NoError(t, event.NewDecoder().Decode(&got, body, format, event.Rules{}))
		for i := range body {
			body[i] = '#'
		}
		require.Equal(t, 4, got.Len())
		for i := range got.Len() {
			require.Equal(t, want.Event(i), got.Event(i))
		}
		require.Equal(t, want.Rejects, got.Rejects)
	}
}

// A decoder reads nothing behind the body, which may be another's to write.
func TestNothingBehindTheBody(t *testing.T) {
	text := []byte(line("", "") + "\n" + line("", "") + "\n")
	memory := make([]byte, len(text)+100)
	copy(memory, text)
	d := event.NewDecoder()
	var b event.Batch
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10_000 {
			memory[len(text)+i%100] = byte(i)
		}
	}()
	for range 100 {
		b.Reset()
		require.NoError(t, d.Decode(&b, memory[:len(text)], event.NDJSON, event.Rules{}))
		require.Equal(t, 2, b.Len())
	}
	<-done
}

// Kept rejects outlive the batch's reuse.
func TestRejectsSurviveReset(t *testing.T) {
	var b event.Batch
	d := event.NewDecoder()
	require.NoError(t, d.Decode(&b, []byte("bad line"), event.NDJSON, event.Rules{}))
	kept := slices.Clone(b.Rejects)
	b.Reset()
	require.Zero(t, b.Rejected.Total())
	require.NoError(t, d.Decode(&b, []byte("another, longer bad line"), event.NDJSON, event.Rules{}))
	require.Equal(t, "bad line", string(kept[0].Raw))
}

// More series than a Decoder remembers, and names that share much.
func TestManySeries(t *testing.T) {
	d := event.NewDecoder()
	var b event.Batch
	var body []byte
	const models, again = 132_000, 10_000 // more than a decoder keeps, and some once more
	names := make([]string, models)
	for i := range names {
		switch names[i] = fmt.Sprint("model_", i); i % 3 {
		case 1:
			names[i] = fmt.Sprintf("a/long/common/prefix/%d/and/suffix", i)
		case 2:
			names[i] = fmt.Sprintf("%08d", i)
		}
		text := quote(names[i])
		if i%5 == 0 { // what it stands for is in memory that the next line takes
			text = fmt.Sprintf(`"\u%04x%s`, names[i][0], text[2:])
		}
		body = append(body, line("model_id", text)...)
		body = append(body, '\n')
	}
	ends := 0
	for range again {
		ends += bytes.IndexByte(body[ends:], '\n') + 1
	}
	body = append(body, body[:ends]...)
	for range 2 {
		b.Reset()
		require.NoError(t, d.Decode(&b, body, event.NDJSON, event.Rules{}))
		require.Len(t, b.Series, models)
		require.Len(t, b.SeriesOf, models+again)
		for i, s := range b.SeriesOf {
			if int(s) != i%models || b.Series[s].Model != names[i%models] {
				t.Fatalf("row %d: series %d, %+v", i, s, b.Series[s])
			}
		}
	}
}
