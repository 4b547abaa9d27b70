package engine

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

var rewriteGolden = flag.Bool("rewrite", false, "write the golden files anew")

// goldenStore is the id of the store that the golden files are of.
var goldenStore = [16]byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}

// golden returns the bytes of a golden file.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".hex"))
	require.NoError(t, err)
	var data []byte
	for line := range strings.Lines(string(text)) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		require.NoError(t, err)
		data = append(data, b...)
	}
	return data
}

// holdsGolden holds that what is written today is what the version of the golden file has always written.
func holdsGolden(t *testing.T, name string, data []byte) {
	t.Helper()
	if *rewriteGolden {
		var text strings.Builder
		for at := 0; at < len(data); at += 16 {
			fmt.Fprintf(&text, "%04x  % x\n", at, data[at:min(at+16, len(data))])
		}
		require.NoError(t, os.MkdirAll(filepath.Join("testdata", "v1"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join("testdata", "v1", name+".hex"), []byte(text.String()), 0o600))
	}
	require.Equal(t, hex.Dump(golden(t, name)), hex.Dump(data))
}

func goldenManifest() *store.Manifest {
	return &store.Manifest{
		Number: 7, Covered: wal.Position{LSN: 300, File: 5, CRC: 0x11223344}, LastFile: 9,
		Packs: []store.PackRef{
			{FileRef: store.FileRef{Number: 2, Size: 1000, CRC: 0x01020304}, Dead: []uint32{0, 200}},
			{FileRef: store.FileRef{Number: 8, Size: 70000, CRC: 0xfffefdfc}, Dead: []uint32{}},
		},
		Keys:    []store.ListRef{{FileRef: store.FileRef{Number: 3, Size: 85, CRC: 0xdeadbeef}, Entries: 1, Newest: 1790000000000}},
		Rejects: []store.ListRef{{FileRef: store.FileRef{Number: 4, Size: 200, CRC: 5}, Entries: 2, Newest: 1790000000001}, {FileRef: store.FileRef{Number: 6, Size: 300, CRC: 6}, Entries: 3, Newest: -1}},
		Actuals: []store.ListRef{{FileRef: store.FileRef{Number: 5, Size: 99, CRC: 7}, Entries: 1, Newest: 0}},
	}
}

func TestGoldenManifest(t *testing.T) {
	second := goldenManifest()
	second.Trusted = 1790000000003
	for name, m := range map[string]*store.Manifest{"manifest": goldenManifest(), "manifest-2": second} {
		holdsGolden(t, name, m.Encode(goldenStore))
		read, err := store.DecodeManifest(golden(t, name), goldenStore)
		require.NoError(t, err)
		require.Equal(t, m, read)
	}
}

// TestGoldenPack uses bytes that are no segments: those have a format of their own.
func TestGoldenPack(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	w, err := store.NewPackWriter(store.NewPackFiles(disk), "/", goldenStore, 8)
	require.NoError(t, err)
	require.NoError(t, w.Add("model", 680, []byte("a segment")))
	require.NoError(t, w.Add("ünïcode", -1, []byte("another one.....")))
	p, err := w.Finish()
	require.NoError(t, err)
	p.Close()
	written, err := vfs.ReadFile(disk, "/"+store.PackName(8))
	require.NoError(t, err)
	holdsGolden(t, "pack", written)

	disk = simdisk.New(simdisk.Options{})
	f, err := disk.Create("/" + store.PackName(8))
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, golden(t, "pack"), 0))
	read, err := store.OpenPack(store.NewPackFiles(disk), "/", goldenStore, p.Ref)
	require.NoError(t, err)
	require.Equal(t, p.Entries, read.Entries)
	b, err := read.Load(1)
	require.NoError(t, err)
	require.Equal(t, "another one.....", string(b))
}

// goldenList is a list with its CRC, as writeList finishes it.
func goldenList(t *testing.T, name string, kind store.ListKind, content []byte) *store.List {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	require.NoError(t, disk.MkdirAll("/"+kind.String()))
	ref, err := store.WriteList(disk, "/", kind, 3, content)
	require.NoError(t, err)
	written, err := vfs.ReadFile(disk, filepath.Join("/", kind.String(), store.ListName(3)))
	require.NoError(t, err)
	holdsGolden(t, name, written)
	l, crc, err := store.OpenList(golden(t, name), goldenStore, kind)
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
	require.NoError(t, store.DecodeKeys(goldenList(t, "keys-2", store.ListKeys, store.EncodeKeys(goldenStore, keys)), read))
	require.Equal(t, keys, readKeys)
	first, _, err := store.OpenList(golden(t, "keys"), goldenStore, store.ListKeys)
	require.NoError(t, err)
	readKeys = nil
	require.NoError(t, store.DecodeKeys(first, read))
	keys[0].Replaced = 0 // version 1 has no count of them
	require.Equal(t, keys, readKeys)

	rejects := []QuarantineRow{
		{
			Source: SourcePredictions, Column: "timestamp", Reason: "no time", Code: event.CodeTimestamp, ImportID: "000000000000000a",
			LineNumber: 300, Line: []byte(`{"a":1}`), InsertedAt: time.UnixMilli(1790000000000).UTC(),
		},
		{InsertedAt: time.UnixMilli(0).UTC()},
	}
	var readRejects []QuarantineRow
	content := store.ListHeader(goldenStore, store.ListRejects, len(rejects))
	for i := range rejects {
		content = appendReject(content, &rejects[i])
	}
	c := goldenList(t, "quarantine", store.ListRejects, content)
	require.NoError(t, decodeRejects(c, func(r QuarantineRow) { readRejects = append(readRejects, r) }))
	require.Equal(t, rejects, readRejects)

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
	for content, entries := range actualLists(goldenStore, memory.Snapshot()) {
		require.Equal(t, 2, entries)
		contents = append(contents, slices.Clone(content))
	}
	require.Len(t, contents, 1)
	var readActuals []string
	readActual := func(a *actuals.Actual) { readActuals = append(readActuals, fmt.Sprintf("%+v", *a)) }
	require.NoError(t, decodeActuals(goldenList(t, "actuals-2", store.ListActuals, contents[0]), readActual))
	require.Equal(t, []string{fmt.Sprintf("%+v", remembered[0]), fmt.Sprintf("%+v", remembered[1])}, readActuals)

	first, _, err = store.OpenList(golden(t, "orphans"), goldenStore, store.ListActuals)
	require.NoError(t, err)
	readActuals = nil
	require.NoError(t, decodeActuals(first, readActual))
	require.Equal(t, []string{
		fmt.Sprintf("%+v", remembered[0]), fmt.Sprintf("%+v", actuals.Actual{Model: []byte{}, ID: []byte{}, Known: true}),
	}, readActuals)
}

// goldenRecord is a record and the type that its golden file is of.
type goldenRecord struct {
	kind uint8
	*record.Record
}

// goldenRecords are one record of each type and form.
func goldenRecords(t testing.TB) map[string]goldenRecord {
	t.Helper()
	var batch event.Batch
	for i, known := range []bool{true, false, true} {
		require.NoError(t, batch.Add(event.Event{
			Timestamp: time.UnixMilli(1790000000000 + int64(i)*1500), ModelID: "m", ModelVersion: "v1", Environment: []string{"production", "staging"}[i/2],
			PredictionID: fmt.Sprintf("p%d", i), Features: `{"a":1}`, PredictedValue: 1.25 * float64(i), ActualValue: 2, HasActual: known,
		}, event.Rules{}))
	}
	batch.Rejects = append(batch.Rejects, event.Reject{Line: 4, Column: "features", Code: event.CodeFeatures, Reason: "not JSON", Raw: []byte("{")})
	batch.Rejected[event.CodeFeatures] = 2
	actuals := func(all ...event.Actual) *event.Actuals {
		a := new(event.Actuals)
		for _, x := range all {
			require.NoError(t, a.Add(x, event.Rules{}))
		}
		return a
	}
	bare := actuals(
		event.Actual{ModelID: "m", PredictionID: "p1", Value: 1},
		event.Actual{ModelID: "m", PredictionID: "p9", Value: -2.5, Observed: time.UnixMilli(1790000000000)})
	scoped := actuals(
		event.Actual{ModelID: "m", PredictionID: "p1", Value: 1},
		event.Actual{ModelID: "n", PredictionID: "p9", Withdrawn: true, Observed: time.UnixMilli(1790000000000), ModelVersion: "v1"},
		event.Actual{ModelID: "m", PredictionID: "p9", Value: -2.5, Environment: "staging"})
	scoped.Rejects = append(scoped.Rejects, event.Reject{Line: 4, Column: "actual_value", Code: event.CodeMissing, Reason: "missing", Raw: []byte("{}")})
	scoped.Rejected[event.CodeMissing] = 1
	return map[string]goldenRecord{
		"record-predictions":      {record.KindPredictions, &record.Record{At: 1790000000000, Trusted: 1790000000000, Keyed: true, Key: idempotency.Key{1}, Hash: [16]byte{2}, Batch: &batch}},
		"record-predictions-kept": {record.KindPredictions, &record.Record{At: 1790000000003, Trusted: 1790000000003, Batch: &batch, Keep: true}},
		"record-actuals":          {record.KindBareActuals, &record.Record{At: 1790000000001, Trusted: 1790000000001, Actuals: bare}},
		"record-actuals-scoped":   {record.KindActuals, &record.Record{At: 1790000000004, Trusted: 1790000000004, Keyed: true, Key: idempotency.Key{1}, Hash: [16]byte{2}, Actuals: scoped}},
		"record-deletion":         {record.KindDeletion, &record.Record{At: 1790000000002, Trusted: 1790000000002, Deletion: &record.Deletion{Model: "m", IDs: []string{"p1", "p2"}}}},
		"record-doubted":          {record.KindDeletion, &record.Record{At: 1790000000002, Trusted: 1780000000002, Deletion: &record.Deletion{Model: "m", IDs: []string{"p1"}}}},
	}
}

// TestGoldenRecords holds that records of version 1 are read. What is written today need not be the same bytes, since how S2
// compresses is up to the processor; it must be read as the same.
func TestGoldenRecords(t *testing.T) {
	var e record.Encoder
	for name, r := range goldenRecords(t) {
		payload := bytes.Clone(e.Encode(r.Record))
		if *rewriteGolden && r.kind == r.Record.Kind() {
			holdsGolden(t, name, payload)
		}
		requireReads(t, r.Record, r.Record.Kind(), payload)
		requireReads(t, r.Record, r.kind, golden(t, name))
	}
}

// requireReads holds that a record of a type reads as want.
func requireReads(t *testing.T, want *record.Record, kind uint8, data []byte) {
	t.Helper()
	var d record.Decoder
	var read record.Record
	require.NoError(t, d.Decode(&read, kind, data))
	require.Equal(t, want.Moment(), read.Moment())
	require.Equal(t, [4]any{want.Keyed, want.Key, want.Hash, want.Keep}, [4]any{read.Keyed, read.Key, read.Hash, read.Keep})
	require.Equal(t, want.Deletion, read.Deletion)
	requireSameContent(t, want, &read)
}

func requireSameContent(t testing.TB, want, got *record.Record) {
	t.Helper()
	if want.Batch != nil {
		require.Equal(t, want.Batch.Len(), got.Batch.Len())
		for i := range want.Batch.Len() {
			require.Equal(t, want.Batch.Event(i), got.Batch.Event(i))
		}
	}
	if want.Actuals != nil {
		require.Equal(t, want.Actuals.Len(), got.Actuals.Len())
		require.Equal(t, want.Actuals.Models, got.Actuals.Models)
		require.Equal(t, want.Actuals.Scopes, got.Actuals.Scopes)
		require.Equal(t, want.Actuals.Known, got.Actuals.Known)
		for i := range want.Actuals.Len() {
			require.Equal(t, want.Actuals.Actual(i), got.Actuals.Actual(i))
		}
	}
	_, wantRejects, wantCounts := want.Rejected()
	_, gotRejects, gotCounts := got.Rejected()
	require.Equal(t, wantCounts, gotCounts)
	require.Len(t, gotRejects, len(wantRejects))
	for i := range wantRejects {
		require.Equal(t, wantRejects[i], gotRejects[i])
	}
}
