package simdisk_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/testing/simdisk/toylog"
)

const (
	toyRecords   = 40
	toyFileBytes = 3000
)

// toyRecord is the payload of the i-th record, from 1 byte to over three sectors.
func toyRecord(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, 1+i*397%1700) }

// toyRun writes a log and returns the history of its disk, with the number of records acknowledged at each operation.
func toyRun(tb testing.TB, bug toylog.Bug) (history []*simdisk.Snapshot, acked []int) {
	tb.Helper()
	d := simdisk.New(simdisk.Options{})
	d.StartHistory()
	l, records, err := toylog.Open(d, "/log", toyFileBytes, bug)
	require.NoError(tb, err)
	require.Empty(tb, records)
	for i := range toyRecords {
		require.NoError(tb, l.Append(toyRecord(i)))
		for uint64(len(acked)) < d.Ops() {
			acked = append(acked, i)
		}
	}
	return d.History(), append(acked, toyRecords)
}

// toyCheck opens the log on a crashed disk and holds it against what was acknowledged.
func toyCheck(d *simdisk.Disk, acked int, bug toylog.Bug) error {
	_, records, err := toylog.Open(d, "/log", toyFileBytes, bug)
	if err != nil {
		return err
	}
	if len(records) < acked {
		return fmt.Errorf("%d records of %d acknowledged", len(records), acked)
	}
	for i, p := range records {
		if !bytes.Equal(p, toyRecord(i)) {
			return fmt.Errorf("record %d is not what was written", i)
		}
	}
	return nil
}

// toySweep crashes a run after each of its operations, with many seeds where there is anything to choose, and returns how many
// states it checked and how many of them lost something.
func toySweep(tb testing.TB, bug toylog.Bug, seeds uint64) (states, violations int) {
	tb.Helper()
	history, acked := toyRun(tb, bug)
	for i, s := range history {
		last := uint64(len(acked) - 1)
		if i+1 < len(history) {
			last = history[i+1].Op() - 1
		}
		for seed := range seeds {
			states++
			if toyCheck(s.Crash(simdisk.Random(seed)), acked[last], bug) != nil {
				violations++
			}
			if s.Unsynced() == 0 {
				break
			}
		}
	}
	return states, violations
}

func TestToyLog(t *testing.T) {
	start := time.Now()
	states, violations := toySweep(t, toylog.None, uint64(race.Cases(200)))
	t.Logf("%d crash states, %.0f/s", states, float64(states)/time.Since(start).Seconds())
	require.Zero(t, violations)
	for _, bug := range []toylog.Bug{toylog.NoSync, toylog.NoDirSync, toylog.NoParentSync, toylog.NoChecksum} {
		states, violations := toySweep(t, bug, 20)
		t.Logf("%s: %d of %d states show it", bug, violations, states)
		require.Positive(t, violations, bug)
	}
}
