package clickhouse

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/random"
)

// someActuals are requests of actuals of several models, known and withdrawn, scoped and not, observed at a time and at none.
func someActuals(t *testing.T) []*request {
	t.Helper()
	var one, two event.Actuals
	rules := event.Rules{Newest: 1 << 50}
	for i := range 200 {
		x := event.Actual{ModelID: string(rune('a' + i%5)), PredictionID: string(rune('a' + i%7)), Value: float64(i), Withdrawn: i%3 == 0}
		if i%2 == 0 {
			x.ModelVersion, x.Environment, x.Observed = "v", "e", time.UnixMilli(int64(5000-i))
		}
		if x.Withdrawn {
			x.Value = 0
		}
		require.NoError(t, one.Add(x, rules))
	}
	require.NoError(t, two.Add(event.Actual{ModelID: "z", PredictionID: "1", Value: 3}, rules))
	return []*request{{actuals: &one}, {actuals: &two}}
}

// storedBlock is what a table has of a block.
type storedBlock struct {
	shard, month int
	columns      sentColumns
}

func stored(blocks []*block) (all []storedBlock) {
	for _, b := range blocks {
		x := storedBlock{shard: b.shard, month: b.month}
		b.columnsOf(0, len(b.rows), &x.columns)
		all = append(all, x)
	}
	return all
}

// announced is the blocks of requests, and those that are made of their announcement.
func announced(t *testing.T, requests []*request, of *shards) (made, again []storedBlock) {
	t.Helper()
	blocks := blocksOf(requests, of)
	for i, b := range blocks {
		b.stamp(uint64(1000+i)<<versionTagBits|5, time.UnixMilli(7))
	}
	if len(blocks) == 0 {
		return nil, nil
	}
	a, err := decodeAnnouncement(announcementOf(requests, blocks, of).encode())
	require.NoError(t, err)
	madeAgain, err := a.blocks(of)
	require.NoError(t, err)
	return stored(blocks), stored(madeAgain)
}

func TestAnnouncementOfActuals(t *testing.T) {
	made, again := announced(t, someActuals(t), someShards(t, 1, 2))
	require.Equal(t, made, again)
}

// An announcement says nothing to who has other shards: its rows would be stored where others of their models are not.
func TestAnnouncementForOtherShards(t *testing.T) {
	requests := someActuals(t)
	of := someShards(t, 1, 1)
	made := blocksOf(requests, of)
	for _, b := range made {
		b.stamp(1, time.UnixMilli(7))
	}
	a, err := decodeAnnouncement(announcementOf(requests, made, of).encode())
	require.NoError(t, err)
	for _, weights := range [][]uint64{{1}, {1, 1, 1}, {1, 2}} {
		_, err = a.blocks(someShards(t, weights...))
		require.ErrorIs(t, err, ErrCluster)
	}
}

// TestAnnouncementDamaged has each prefix of an announcement refused, and each of other formats.
func TestAnnouncementDamaged(t *testing.T) {
	requests := someActuals(t)
	of := someShards(t, 1)
	made := blocksOf(requests, of)
	made[0].stamp(1, time.UnixMilli(7))
	text := announcementOf(requests, made, of).encode()
	raw, err := s2.Decode(nil, []byte(text[1:]))
	require.NoError(t, err)
	for n := range raw {
		_, err := readAnnouncement(raw[:n])
		require.ErrorIs(t, err, ErrSchema, n)
	}
	for _, damaged := range []string{"", "\x02" + text[1:], text[:len(text)/2]} {
		_, err := decodeAnnouncement(damaged)
		require.ErrorIs(t, err, ErrSchema)
	}
	_, err = readAnnouncement(append(slices.Clone(raw), 0))
	require.ErrorIs(t, err, ErrSchema)
}

// FuzzReadAnnouncement holds the reader to its class of errors, and what it takes to be blocks of rows that have all of their columns.
func FuzzReadAnnouncement(f *testing.F) {
	var b event.Batch
	require.NoError(f, b.Add(event.Event{Timestamp: time.UnixMilli(5), ModelID: "m", PredictionID: "1", ModelVersion: "v", Environment: "e", Features: "{}"}, event.Rules{Newest: 1 << 50}))
	var a event.Actuals
	require.NoError(f, a.Add(event.Actual{ModelID: "m", PredictionID: "1", Value: 3}, event.Rules{Newest: 1 << 50}))
	all := &shards{list: []*shard{{weight: 1}}, slots: []*shard{{}}}
	all.slots[0] = all.list[0]
	for _, r := range []*request{{batch: &b}, {actuals: &a}} {
		made := blocksOf([]*request{r}, all)
		made[0].stamp(1, time.UnixMilli(7))
		raw, err := s2.Decode(nil, []byte(announcementOf([]*request{r}, made, all).encode()[1:]))
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<12 {
			return
		}
		a, err := readAnnouncement(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrSchema)
			return
		}
		blocks, err := a.blocks(all)
		if err != nil {
			require.True(t, errors.Is(err, ErrCluster) || errors.Is(err, ErrSchema), err)
			return
		}
		rows := 0
		for _, b := range blocks {
			rows += len(b.rows)
		}
		want := 0
		for _, r := range a.requests {
			want += r.rows()
		}
		require.Equal(t, want, rows)
	})
}

// TestAnnouncement has blocks of predictions made again as they were.
func TestAnnouncement(t *testing.T) {
	r := random.Rand(t)
	s := someShards(t, 1, 1, 3)
	for range random.Rounds(50) {
		requests, _ := someRequests(t, r)
		made, again := announced(t, requests, s)
		require.Equal(t, made, again)
	}
}
