package files

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPositionText pins the texts: stores keep them.
func TestPositionText(t *testing.T) {
	t.Parallel()
	for text, p := range map[string]position{
		"done 9bb5-2":          {state: stateDone, version: "9bb5-2"},
		"failed v":             {state: stateFailed, version: "v"},
		"reading 17 4096 v":    {state: stateReading, lines: 17, offset: 4096, version: "v"},
		"reading 17 - v":       {state: stateReading, lines: 17, offset: -1, version: "v"},
		"reading 0 0 etag-1-2": {state: stateReading, version: "etag-1-2"},
	} {
		require.Equal(t, text, p.String())
		require.Equal(t, p, parsePosition(text))
	}
	for _, text := range []string{"", "done", "done a b", "reading 1 2", "reading x 2 v", "reading 1 x v", "reading -1 2 v", "reading 1 -2 v", "asked", "reading 1 2 v w"} {
		require.Equal(t, position{}, parsePosition(text), text)
	}
}
