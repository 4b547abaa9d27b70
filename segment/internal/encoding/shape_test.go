package encoding

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
)

// TestCuts shows what is left of texts, with # for a number, $ for a string and ? for a word.
func TestCuts(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var b strings.Builder
		end := 0
		for _, c := range slotsOf(nil, []byte(text)) {
			b.WriteString(text[c.literal:c.from])
			b.WriteByte("#$?"[c.kind])
			end = c.to
		}
		b.WriteString(text[end:])
		require.Equal(t, want, b.String())
	}
	f(`{"feature1":42,"feature2":12.5}`, `{"feature1":#,"feature2":#}`)
	f(`{"a":"x","b" : "y\"z"}`, `{"a":"$","b" : "$"}`)
	f(`{"a":[true,false,null,-1e5]}`, `{"a":[?,?,?,#]}`)
	f(`{"nested":{"k":[1,2]}}`, `{"nested":{"k":[#,#]}}`)
	f(`pred_00012`, `pred_#`)
	f(`pred-12`, `pred-#`)
	f(`2024-01-05T10:00:00`, `#-#-#T#:#:#`)
	f(`{"open`, `{"open`)
	f(`{"a":"open\`, `{"a":"open\`)
	f(`{"a":truer}`, `{"a":truer}`)
	f(`nothing`, `nothing`)
	f(``, ``)
}

// FuzzShape looks for texts that a shape cannot cut the way it was cut to get it.
func FuzzShape(f *testing.F) {
	for _, text := range []string{`{"a":1,"b":"c","d":true}`, "-1-2", `"\"`, `{"a":"\\"}`, "1.5e+7.", `""""`, "t1true,true"} {
		f.Add([]byte(text), []byte("x"))
	}
	e, d := NewEncoder(), new(Decoder)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var text, got columns.Text
		for i := range 40 {
			text.Append([][]byte{a, b}[i&1])
		}
		out, ok := e.appendShaped(nil, &text, 0)
		if !ok {
			return
		}
		c := columns.NewCursor(out, errCorrupt)
		d.decodeTexts(&c, &got, text.Len(), 0)
		require.NoError(t, c.End())
		require.True(t, text.Equal(&got))
	})
}
