package checkpoint

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/store"
)

// TestListsExpireByTheirOwnTimes holds that a list of entries that came while the clock was ahead keeps none behind it.
func TestListsExpireByTheirOwnTimes(t *testing.T) {
	lists := []store.ListRef{{Entries: 1, Newest: 50}, {Entries: 1, Newest: 10}, {Entries: 1, Newest: 60}}
	require.Equal(t, []store.ListRef{lists[0], lists[2]}, current(slices.Clone(lists), 10, 20))
	require.Equal(t, lists[2:], current(slices.Clone(lists), 1, 0))
}
