package crashtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestFactsAtEachOperation holds what is known of facts by the operation after which each life ends.
func TestFactsAtEachOperation(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	operate := func() { require.NoError(t, disk.SyncDir("/")) }
	r := newRun(disk, []Fact[string]{{"old", Acknowledged}, {"open", Unknown}, {"shut", Unknown}})
	require.Len(t, r.Earlier(), 3)

	operate() // 1
	a := r.Begin("a")
	operate() // 2
	b := r.Begin("b")
	a.Acknowledge()
	operate() // 3
	b.Refuse()
	b.Acknowledge() // Too late: the first outcome stays.
	r.Settle(0, false)
	r.Settle(1, true)
	operate() // 4
	r.Settle(2, false)

	old := Fact[string]{"old", Acknowledged}
	for op, want := range [][]Fact[string]{
		0: {old, {"open", Unknown}, {"shut", Unknown}},
		1: {old, {"open", Unknown}, {"shut", Unknown}, {"a", Unknown}},
		2: {old, {"open", Unknown}, {"shut", Unknown}, {"a", Acknowledged}, {"b", Unknown}},
		3: {old, {"open", Acknowledged}, {"shut", Unknown}, {"a", Acknowledged}, {"b", Refused}},
		4: {old, {"open", Acknowledged}, {"shut", Refused}, {"a", Acknowledged}, {"b", Refused}},
	} {
		require.Equal(t, want, r.facts(uint64(op)), "after operation %d", op)
	}
	require.Equal(t, r.facts(4), r.facts(atEnd))
}

func TestOutcomeNames(t *testing.T) {
	require.Equal(t, "unknown acknowledged refused outcome(3)",
		Unknown.String()+" "+Acknowledged.String()+" "+Refused.String()+" "+Outcome(3).String())
}
