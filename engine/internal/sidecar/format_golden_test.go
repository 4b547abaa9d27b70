package sidecar_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// goldenStore is the id of the store that the golden files are of.
var goldenStore = [16]byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}

// goldenList is a list as a store writes it.
func goldenList(t *testing.T, name string, kind store.ListKind, count int, entries []byte) *store.List {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	require.NoError(t, disk.MkdirAll("/"+kind.String()))
	files := store.New(disk, nil, "/", goldenStore)
	ref, err := files.WriteList(kind, count, entries, 0)
	require.NoError(t, err)
	written, err := vfs.ReadFile(disk, files.ListPath(kind, ref.Number))
	require.NoError(t, err)
	golden.Holds(t, name, written)
	l, crc, err := store.DecodeList(golden.Read(t, name), goldenStore, kind)
	require.NoError(t, err)
	require.Equal(t, ref.CRC, crc)
	return l
}

func TestGoldenLists(t *testing.T) {
	keys := []idempotency.Entry{
		{Key: idempotency.Key{1, 2, 3}, Hash: [16]byte{4, 5, 6}, LSN: 7, At: 1790000000000, Successful: 8, Quarantined: 9, Replaced: 5},
		{LSN: math.MaxUint64, At: -1, Successful: math.MaxUint32},
	}
	var readKeys []idempotency.Entry
	read := func(e idempotency.Entry) { readKeys = append(readKeys, e) }
	require.NoError(t, sidecar.Sinks{Key: read}.Decode(goldenList(t, "keys-2", store.ListKeys, len(keys), sidecar.Keys(keys))))
	require.Equal(t, keys, readKeys)
	first, _, err := store.DecodeList(golden.Read(t, "keys"), goldenStore, store.ListKeys)
	require.NoError(t, err)
	readKeys = nil
	require.NoError(t, sidecar.Sinks{Key: read}.Decode(first))
	keys[0].Replaced = 0 // version 1 has no count of them
	require.Equal(t, keys, readKeys)

	rejects := []quarantine.Row{
		{
			Source: "ml_model_predictions", Column: "timestamp", Reason: "no time", Code: 9, ImportID: "000000000000000a",
			LineNumber: 300, Line: []byte(`{"a":1}`), InsertedAt: time.UnixMilli(1790000000000).UTC(), Place: "s3://b/k line 300",
		},
		{InsertedAt: time.UnixMilli(0).UTC()},
	}
	var readRejects []quarantine.Row
	q := quarantine.New(quarantine.BytesMax)
	for _, r := range rejects {
		q.AddRow(r)
	}
	entries, rows, _ := q.Entries(0, q.Next(), quarantine.BytesMax)
	readReject := sidecar.Sinks{Reject: func(r quarantine.Row) { readRejects = append(readRejects, r) }}
	require.NoError(t, readReject.Decode(goldenList(t, "quarantine-2", store.ListRejects, rows, entries)))
	require.Equal(t, rejects, readRejects)
	first, _, err = store.DecodeList(golden.Read(t, "quarantine"), goldenStore, store.ListRejects)
	require.NoError(t, err)
	readRejects = nil
	require.NoError(t, readReject.Decode(first))
	rejects[0].Place = "" // version 1 has none
	require.Equal(t, rejects, readRejects)

	requirePositions(t)

	memory := actuals.New()
	remembered := []actuals.Actual{
		{Model: []byte("m"), ID: []byte("p"), Value: 1.5, Known: true, Observed: -2, Received: 1790000000000, LSN: 3, Line: 4},
		{
			Model: []byte("m"), ID: []byte("p"), Version: []byte("v1"), Environment: []byte("staging"), Met: true,
			Received: 1790000000001, LSN: 300, Line: 1,
		},
	}
	for i := range remembered {
		memory.Put(1, &remembered[i], nil)
	}
	var contents [][]byte
	for count, entries := range sidecar.Actuals(memory.Snapshot()) {
		require.Equal(t, 2, count)
		contents = append(contents, slices.Clone(entries))
	}
	require.Len(t, contents, 1)
	var readActuals []string
	readActual := func(a *actuals.Actual) { readActuals = append(readActuals, fmt.Sprintf("%+v", *a)) }
	require.NoError(t, sidecar.Sinks{Actual: readActual}.Decode(goldenList(t, "actuals-2", store.ListActuals, 2, contents[0])))
	require.Equal(t, []string{fmt.Sprintf("%+v", remembered[0]), fmt.Sprintf("%+v", remembered[1])}, readActuals)

	first, _, err = store.DecodeList(golden.Read(t, "orphans"), goldenStore, store.ListActuals)
	require.NoError(t, err)
	readActuals = nil
	require.NoError(t, sidecar.Sinks{Actual: readActual}.Decode(first))
	require.Equal(t, []string{
		fmt.Sprintf("%+v", remembered[0]), fmt.Sprintf("%+v", actuals.Actual{Model: []byte{}, ID: []byte{}, Known: true}),
	}, readActuals)
}

// requirePositions holds lists of positions: of all of them, and of what has changed since.
func requirePositions(t *testing.T) {
	t.Helper()
	var memory, listed positions.Memory
	earlier := memory.Snapshot()
	for i, set := range [][]positions.Position{
		{{Source: "topics", Part: "predictions/3", Value: "1235"}, {Source: "topics", Part: "predictions/4", Value: "7"}, {Source: "objects", Part: "a", Value: "b"}},
		{{Source: "topics", Part: "predictions/3", Value: "1240"}, {Source: "topics", Part: "predictions/4"}},
	} {
		memory.Set(set)
		now := memory.Snapshot()
		var contents [][]byte
		for count, entries := range sidecar.Positions(now, earlier) {
			require.Len(t, set, count)
			contents = append(contents, slices.Clone(entries))
		}
		require.Len(t, contents, 1)
		l := goldenList(t, []string{"positions", "positions-changed"}[i], store.ListPositions, len(set), contents[0])
		require.NoError(t, sidecar.Sinks{Positions: listed.Set}.Decode(l))
		for _, source := range []string{"topics", "objects"} {
			read := listed.Snapshot()
			require.Equal(t, now.Of(source), read.Of(source))
		}
		earlier = now
	}
}
