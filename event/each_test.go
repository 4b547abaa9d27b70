package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// TestDecodeEach holds texts that are decoded each by itself to what they are as bodies of their own, and to nothing else: parts of
// neighbours never make an event together.
func TestDecodeEach(t *testing.T) {
	const good = `{"timestamp":"2026-03-01 10:00:00","model_id":"m","prediction_id":"1","features":"{}","predicted_value":1,"model_version":"v","environment":"e"}`
	cut := len(good) / 2
	texts := [][]byte{
		[]byte(good), []byte(" \r\n" + good + "\n \t"), []byte("\xEF\xBB\xBF" + good), []byte(`{` + "\n\t" + good[1:]),
		[]byte(good[:cut]), []byte(good[cut:]),
		{},
		[]byte(" \n"), []byte(good + "\n" + good), []byte("[" + good + "]"), nil,
	}
	var b event.Batch
	require.NoError(t, event.NewDecoder().DecodeEach(&b, texts, event.Rules{}))
	require.Equal(t, 4, b.Len())
	var lines []int
	for _, r := range b.Rejects {
		lines = append(lines, r.Line)
		require.Contains(t, []event.Code{event.CodeSyntax, event.CodeType}, r.Code, "text %d: %s", r.Line, r.Reason)
	}
	require.Equal(t, []int{5, 6, 7, 8, 9, 10, 11}, lines)

	// With a torn first text whose rest comes next, a body of lines would be one object.
	b.Reset()
	require.NoError(t, event.NewDecoder().DecodeEach(&b, [][]byte{[]byte(good[:1]), []byte(good[1:])}, event.Rules{}))
	require.Equal(t, 0, b.Len())
	require.Equal(t, 2, b.Rejected.Total())

	var a event.Actuals
	actual := []byte("{\"model_id\":\"m\",\n\"prediction_id\":\"1\",\"actual_value\":2,\"timestamp\":\"2026-03-01 10:00:00\"}\n")
	require.NoError(t, event.NewDecoder().DecodeEachActual(&a, [][]byte{actual, actual[:9]}, event.Rules{}))
	require.Equal(t, 1, a.Len())
	require.Equal(t, 2, a.Rejects[0].Line)
}

func BenchmarkDecodeEach(b *testing.B) {
	line := []byte(`{"timestamp":"2026-03-01 10:00:00.123","model_id":"revenue-forecast","prediction_id":"pred-000123","features":"{\"a\":1,\"b\":2}","predicted_value":1.25,"actual_value":1.5,"model_version":"v2.1","environment":"production"}`)
	texts := make([][]byte, 1000)
	for i := range texts {
		texts[i] = line
	}
	d := event.NewDecoder()
	var batch event.Batch
	b.SetBytes(int64(len(texts) * len(line)))
	for b.Loop() {
		batch.Reset()
		if err := d.DecodeEach(&batch, texts, event.Rules{}); err != nil || batch.Len() != len(texts) {
			b.Fatal(err, batch.Len())
		}
	}
	b.ReportMetric(float64(len(texts))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
