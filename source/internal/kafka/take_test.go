package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/source/internal/connector"
)

// TestTakesNothingAgain holds messages of the leader that was read to those that were not, and takes all of a new one, which may have
// forgotten some.
func TestTakesNothingAgain(t *testing.T) {
	s := newSession(&Config{Topic: "t"}, &connector.Feed{Report: new(connector.Report)}, nil)
	s.partitions[0] = &partition{read: position{5, 1}}
	fetched := func(epoch int32, offsets ...int64) *kgo.FetchPartition {
		f := &kgo.FetchPartition{}
		for _, offset := range offsets {
			f.Records = append(f.Records, &kgo.Record{Offset: offset, LeaderEpoch: epoch})
		}
		return f
	}
	require.Len(t, s.take(fetched(1, 3, 4, 5, 6)), 2)
	require.Equal(t, position{7, 1}, s.partitions[0].read)
	require.Empty(t, s.take(fetched(1, 5, 6)))
	require.Equal(t, position{7, 1}, s.partitions[0].read)
	require.Len(t, s.take(fetched(2, 4, 5)), 2)
	require.Equal(t, position{6, 2}, s.partitions[0].read)
	s.partitions[0].failed = true
	require.Empty(t, s.take(fetched(2, 6)))
}

// TestPositionsOfOthers passes by what the data source has read elsewhere, whatever it is called.
func TestPositionsOfOthers(t *testing.T) {
	k, err := knownOf("t", map[string]string{
		"t": "id", "t/0": "5 epoch 1", "t/a.ndjson": "done x", "t/01": "done x", "u": "other", "u/0": "7 epoch 1", "s3://t/0": "done x", "schedule of s3://t/*": "once",
	})
	require.NoError(t, err)
	require.Equal(t, known{id: "id", partitions: map[int32]position{0: {5, 1}}}, k)
	_, err = knownOf("t", map[string]string{"t/0": "5 epoch 1"})
	require.ErrorContains(t, err, "none of its topic")
}
