package event

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/events.md lists every code and every reason.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/events.md")
	require.NoError(t, err)
	document := string(text)
	for code := CodeSyntax; code < codeCount; code++ {
		require.Contains(t, document, "\n| `"+code.String()+"` |")
	}
	_, rejects, ok := strings.Cut(document, "## Rejects")
	require.True(t, ok)
	rejects, _, _ = strings.Cut(rejects, "\n## ")
	listed := strings.Count(rejects, "\n| ") - 1
	const elsewhere = 2 // those of orphan, which are not for the decoder to find
	require.Equal(t, int(faultCount)-1+elsewhere, listed, "rows of the table")
	code := ""
	for row := range strings.SplitSeq(document, "\n") {
		if cells := strings.Split(row, "|"); len(cells) == 5 && strings.Contains(cells[1], "`") {
			code = strings.Trim(cells[1], " `")
		} else if len(cells) != 5 {
			continue
		}
		for f := faultNone + 1; f < faultCount; f++ {
			if strings.HasPrefix(strings.TrimSpace(strings.Split(row, "|")[3]), "`"+f.reason()+"`") {
				require.Equal(t, f.code().String(), code, f.reason())
			}
		}
	}
	for f := faultNone + 1; f < faultCount; f++ {
		require.Contains(t, document, "| `"+f.reason()+"`")
	}
	for _, limit := range []struct {
		value  int
		stated string
	}{
		{NameBytesMax, "1 to 256 bytes"},
		{FeaturesBytesMax >> 10, "at most 64 KiB"},
		{LineBytesMax >> 20, "at most 1 MiB"},
		{DepthMax, "at most 32 levels"},
		{RawBytesMax >> 10, "first 64 KiB"},
		{RejectsMax / 1000, "65,536 rejects"},
	} {
		require.Contains(t, limit.stated, strconv.Itoa(limit.value))
		require.Contains(t, document, limit.stated)
	}
	require.Contains(t, document, RawMarker)
}
