package storetest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// TestEngine holds the embedded engine to the contract.
func TestEngine(t *testing.T) {
	storetest.Run(t, storetest.Subject{CountsReplaced: true, New: func(t *testing.T, opts storetest.Options) func(*testing.T) storetest.Store {
		t.Helper()
		dir := t.TempDir()
		return func(t *testing.T) storetest.Store {
			t.Helper()
			db, err := engine.Open(dir, engine.Options{
				Now: opts.Now, Elapsed: func() time.Duration { return opts.Now().Sub(storetest.Now()) }, ActualsTTL: opts.ActualsTTL, LogFileBytes: 1 << 20,
			})
			require.NoError(t, err)
			return db
		}
	}})
}
