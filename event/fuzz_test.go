package event_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// FuzzDecode decodes any body in both formats, with a decoder that knows usual
// lines and with a new one. Whatever the body, they agree, the batch is sound and
// every line is accounted for; lines are judged as verdictRef does.
func FuzzDecode(f *testing.F) {
	for _, r := range rejections() {
		if len(r.line) < 4096 {
			f.Add([]byte(r.line))
		}
	}
	for _, text := range oddValues {
		f.Add([]byte(line("features", text)))
		f.Add([]byte(line("predicted_value", text)))
		f.Add([]byte(line("timestamp", text)))
	}
	f.Add([]byte(workload.TutorialLines))
	f.Add([]byte(workload.TutorialBody))
	f.Add([]byte(pretty() + "\n" + pretty()))
	f.Add([]byte("[" + good() + ",\n" + pretty() + "]"))
	f.Add([]byte("\xEF\xBB\xBF\r\n{\n}\r\n" + good()))
	usual := []byte(workload.TutorialLines + line("", "") + "\n" + workload.TutorialLines + line("", "") + "\n")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, format := range []event.Format{event.NDJSON, event.JSON} {
			warm := event.NewDecoder()
			var got, want event.Batch
			require.NoError(t, warm.Decode(&got, usual, event.NDJSON, event.Rules{}))
			got.Reset()
			err := warm.Decode(&got, body, format, event.Rules{})
			require.Equal(t, err, event.NewDecoder().Decode(&want, body, format, event.Rules{}))
			require.Equal(t, want.Rejects, got.Rejects)
			require.Equal(t, want.Rejected, got.Rejected)
			require.Equal(t, want.Len(), got.Len())
			for i := range want.Len() {
				require.True(t, same(want.Event(i), got.Event(i)))
			}
			requireSound(t, &got)
			if err != nil {
				require.ErrorIs(t, err, event.ErrMalformed)
				require.Zero(t, got.Len()+got.Rejected.Total())
			}
			if format == event.NDJSON {
				requireLines(t, body, &got)
			}
			requireRoundTrip(t, &got)
		}
	})
}

// requireLines requires that a batch is what verdictRef makes of the lines of a
// body, or that the body is one object.
func requireLines(t *testing.T, body []byte, got *event.Batch) {
	t.Helper()
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))
	var rows []event.Event
	var lines []int
	var verdicts []verdict
	for i, text := range bytes.Split(body, []byte("\n")) {
		text = bytes.TrimSuffix(text, []byte("\r"))
		if len(bytes.Trim(text, " \t\r")) == 0 {
			continue
		}
		v := verdictRef(text, event.Rules{})
		if v.code == event.CodeNone {
			rows = append(rows, v.event)
			continue
		}
		lines, verdicts = append(lines, i+1), append(verdicts, v)
	}
	matches := len(rows) == got.Len() && len(verdicts) == len(got.Rejects)
	for i := 0; matches && i < len(rows); i++ {
		matches = same(rows[i], got.Event(i))
	}
	for i := 0; matches && i < len(verdicts); i++ {
		matches = lines[i] == got.Rejects[i].Line && verdicts[i].matches(got.Rejects[i])
	}
	if matches {
		return
	}
	whole := bytes.TrimLeft(body, " \t\r\n")
	require.True(t, len(whole) > 0 && whole[0] == '{', "not as the lines are")
	require.Equal(t, 1, got.Len()+len(got.Rejects), "not as the lines are")
	require.Contains(t, string(bytes.TrimRight(whole, " \t\r\n")), "\n")
	v := verdictRef(whole, event.Rules{})
	if v.code == event.CodeNone {
		require.True(t, same(v.event, got.Event(0)))
		return
	}
	require.True(t, v.matches(got.Rejects[0]))
}

// requireRoundTrip requires that accepted rows are accepted as values too, and
// come back the same.
func requireRoundTrip(t *testing.T, b *event.Batch) {
	t.Helper()
	var again event.Batch
	for i := range b.Len() {
		require.NoError(t, again.Add(b.Event(i), event.Rules{}))
		require.True(t, same(b.Event(i), again.Event(i)))
	}
	require.Len(t, again.Series, len(b.Series))
}
