package plaintext_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/plaintext"
)

func TestEscape(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		require.Equal(t, want, plaintext.Escape(text))
	}
	f("", "")
	f("plain é 漢字 🙂 \u00a0", "plain é 漢字 🙂 \u00a0")
	f(`{"a":"\n"}`, `{"a":"\n"}`)
	f("\x1b]0;title\x07", `\x1b]0;title\x07`)
	f("a\tb\r\nc\x00\x7f", `a\tb\r\nc\x00\x7f`)
	f("\u009b31m", `\u009b31m`)                                   // the CSI of 8-bit terminals
	f("\x9b31m", `\x9b31m`)                                       // the same as a byte, which is no UTF-8
	f("a\u202egpj.exe\u2066\u200f", `a\u202egpj.exe\u2066\u200f`) // the direction of writing
	f("a\u200bb\ufeff\u2028", `a\u200bb\ufeff\u2028`)
	f("\U000e0041", `\U000e0041`)
	f("\ufffd\xff\xc3", "\ufffd"+`\xff\xc3`)
	require.Equal(t, "a\nb\\x1b\n\\r", plaintext.EscapeLines("a\nb\x1b\n\r"))
}

// FuzzEscape checks that what is shown can be seen, whatever the text.
func FuzzEscape(f *testing.F) {
	f.Add("\x1b[2J\u202e\x9b")
	f.Fuzz(func(t *testing.T, text string) {
		shown := plaintext.Escape(text)
		require.True(t, utf8.ValidString(shown))
		require.Equal(t, -1, strings.IndexFunc(shown, func(r rune) bool { return !unicode.IsGraphic(r) }))
		require.Equal(t, shown, plaintext.Escape(shown))
	})
}
