package files

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/source/internal/connector"
)

// TestStoppedBetweenLoads has a connector be stopped when one load is being stored and the decoder has not taken the other one back: what
// stores does not wait for the decoder then. Which of the two a decoder sees first, a load or the end, is chosen at random.
func TestStoppedBetweenLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inFolder(t.TempDir(), "*").withDefaults()
		feed := &connector.Feed{Report: new(connector.Report), Source: "events", Mapping: plainMapping(), Sink: newStore()}
		s, err := newSession(&c, feed, newFolder(&c, newPattern(c.Pattern)))
		require.NoError(t, err)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for seen := 0; seen < 20; {
			p := newPipeline(s, nil)
			p.empty <- s.loads[1]
			stored := make(chan error, 1)
			go func() { stored <- p.store(t.Context()) }()
			synctest.Wait()
			if _, err := p.hand(ended, s.loads[0]); err != nil {
				seen++
			}
			close(p.full)
			synctest.Wait()
			require.Len(t, stored, 1, "it waits for the decoder, which has ended")
		}
	})
}
