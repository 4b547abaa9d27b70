package clickhouse

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestErrorGroup has a bug in a goroutine end who waits for it, and errors be told.
func TestErrorGroup(t *testing.T) {
	var failing, buggy errorGroup
	failing.do(func() error { return nil })
	failing.here(func() error { return errors.ErrUnsupported })
	require.ErrorIs(t, failing.wait(), errors.ErrUnsupported)
	buggy.do(func() error { panic("BUG: of a test") })
	buggy.here(func() error { return errors.ErrUnsupported })
	defer func() { require.Contains(t, recover(), "BUG: of a test") }()
	_ = buggy.wait()
}
