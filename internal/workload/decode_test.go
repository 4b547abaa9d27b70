package workload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// TestLinesDecodeWithoutRejects sends the lines through the decoder that a server uses: every row is taken, and is the event.
func TestLinesDecodeWithoutRejects(t *testing.T) {
	for name, opts := range everyShape(t) {
		t.Run(name, func(t *testing.T) {
			var batch event.Batch
			require.NoError(t, event.NewDecoder().Decode(&batch, lines(opts), event.NDJSON, event.Rules{}))
			require.Empty(t, batch.Rejects)
			want := events(opts)
			require.Equal(t, len(want), batch.Len())
			for i := range want {
				if got := batch.Event(i); got != want[i] {
					t.Fatalf("row %d: %+v, want %+v", i, got, want[i])
				}
			}
		})
	}
}
