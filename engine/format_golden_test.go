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

func goldenManifest() *manifest {
	return &manifest{
		number: 7, covered: wal.Position{LSN: 300, File: 5, CRC: 0x11223344}, lastFile: 9,
		packs: []packRef{
			{fileRef: fileRef{number: 2, size: 1000, crc: 0x01020304}, dead: []uint32{0, 200}},
			{fileRef: fileRef{number: 8, size: 70000, crc: 0xfffefdfc}, dead: []uint32{}},
		},
		keys:    []listRef{{fileRef{3, 85, 0xdeadbeef}, 1, 1790000000000}},
		rejects: []listRef{{fileRef{4, 200, 5}, 2, 1790000000001}, {fileRef{6, 300, 6}, 3, -1}},
		actuals: []listRef{{fileRef{5, 99, 7}, 1, 0}},
	}
}

func TestGoldenManifest(t *testing.T) {
	second := goldenManifest()
	second.trusted = 1790000000003
	for name, m := range map[string]*manifest{"manifest": goldenManifest(), "manifest-2": second} {
		holdsGolden(t, name, m.encode(goldenStore))
		read, err := decodeManifest(golden(t, name), goldenStore)
		require.NoError(t, err)
		require.Equal(t, m, read)
	}
}

// TestGoldenPack uses bytes that are no segments: those have a format of their own.
func TestGoldenPack(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	w, err := newPackWriter(newPackFiles(disk), "/", goldenStore, 8)
	require.NoError(t, err)
	require.NoError(t, w.add("model", 680, []byte("a segment")))
	require.NoError(t, w.add("ünïcode", -1, []byte("another one.....")))
	p, err := w.finish()
	require.NoError(t, err)
	p.close()
	written, err := vfs.ReadFile(disk, "/"+packName(8))
	require.NoError(t, err)
	holdsGolden(t, "pack", written)

	disk = simdisk.New(simdisk.Options{})
	f, err := disk.Create("/" + packName(8))
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, golden(t, "pack"), 0))
	read, err := openPack(newPackFiles(disk), "/", goldenStore, p.ref)
	require.NoError(t, err)
	require.Equal(t, p.entries, read.entries)
	b, err := read.load(1)
	require.NoError(t, err)
	require.Equal(t, "another one.....", string(b))
}

// goldenList is a list with its CRC, as writeList finishes it.
func goldenList(t *testing.T, name string, kind listKind, content []byte) *list {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	require.NoError(t, disk.MkdirAll("/"+kind.String()))
	ref, err := writeList(disk, "/", kind, 3, content)
	require.NoError(t, err)
	written, err := vfs.ReadFile(disk, filepath.Join("/", kind.String(), listName(3)))
	require.NoError(t, err)
	holdsGolden(t, name, written)
	l, crc, err := openList(golden(t, name), goldenStore, kind)
	require.NoError(t, err)
	require.Equal(t, ref.crc, crc)
	return l
}

func TestGoldenLists(t *testing.T) {
	keys := []keyEntry{
		{id: keyID{1, 2, 3}, hash: [16]byte{4, 5, 6}, lsn: 7, at: 1790000000000, successful: 8, quarantined: 9, replaced: 5},
		{lsn: math.MaxUint64, at: -1, successful: math.MaxUint32},
	}
	var readKeys []keyEntry
	read := func(e keyEntry) { readKeys = append(readKeys, e) }
	require.NoError(t, decodeKeys(goldenList(t, "keys-2", listKeys, encodeKeys(goldenStore, keys)), read))
	require.Equal(t, keys, readKeys)
	first, _, err := openList(golden(t, "keys"), goldenStore, listKeys)
	require.NoError(t, err)
	readKeys = nil
	require.NoError(t, decodeKeys(first, read))
	keys[0].replaced = 0 // version 1 has no count of them
	require.Equal(t, keys, readKeys)

	rejects := []QuarantineRow{
		{
			Source: SourcePredictions, Column: "timestamp", Reason: "no time", Code: event.CodeTimestamp, ImportID: "000000000000000a",
			LineNumber: 300, Line: []byte(`{"a":1}`), InsertedAt: time.UnixMilli(1790000000000).UTC(),
		},
		{InsertedAt: time.UnixMilli(0).UTC()},
	}
	var readRejects []QuarantineRow
	content := listHeader(goldenStore, listRejects, len(rejects))
	for i := range rejects {
		content = appendReject(content, &rejects[i])
	}
	c := goldenList(t, "quarantine", listRejects, content)
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
	require.NoError(t, decodeActuals(goldenList(t, "actuals-2", listActuals, contents[0]), readActual))
	require.Equal(t, []string{fmt.Sprintf("%+v", remembered[0]), fmt.Sprintf("%+v", remembered[1])}, readActuals)

	first, _, err = openList(golden(t, "orphans"), goldenStore, listActuals)
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
	*record
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
		"record-predictions":      {recordPredictions, &record{at: 1790000000000, trusted: 1790000000000, keyed: true, key: keyID{1}, hash: [16]byte{2}, batch: &batch}},
		"record-predictions-kept": {recordPredictions, &record{at: 1790000000003, trusted: 1790000000003, batch: &batch, keep: true}},
		"record-actuals":          {recordBareActuals, &record{at: 1790000000001, trusted: 1790000000001, actuals: bare}},
		"record-actuals-scoped":   {recordActuals, &record{at: 1790000000004, trusted: 1790000000004, keyed: true, key: keyID{1}, hash: [16]byte{2}, actuals: scoped}},
		"record-deletion":         {recordDeletion, &record{at: 1790000000002, trusted: 1790000000002, deletion: &deletion{"m", []string{"p1", "p2"}}}},
		"record-doubted":          {recordDeletion, &record{at: 1790000000002, trusted: 1780000000002, deletion: &deletion{"m", []string{"p1"}}}},
	}
}

// TestGoldenRecords holds that records of version 1 are read. What is written today need not be the same bytes, since how S2
// compresses is up to the processor; it must be read as the same.
func TestGoldenRecords(t *testing.T) {
	var e recordEncoder
	for name, r := range goldenRecords(t) {
		payload := bytes.Clone(e.encode(r.record))
		if *rewriteGolden && r.kind == r.record.kind() {
			holdsGolden(t, name, payload)
		}
		requireReads(t, r.record, r.record.kind(), payload)
		requireReads(t, r.record, r.kind, golden(t, name))
	}
}

// requireReads holds that a record of a type reads as want.
func requireReads(t *testing.T, want *record, kind uint8, data []byte) {
	t.Helper()
	var d recordDecoder
	var read record
	require.NoError(t, d.decode(&read, kind, data))
	require.Equal(t, want.moment(), read.moment())
	require.Equal(t, [4]any{want.keyed, want.key, want.hash, want.keep}, [4]any{read.keyed, read.key, read.hash, read.keep})
	require.Equal(t, want.deletion, read.deletion)
	requireSameContent(t, want, &read)
}

func requireSameContent(t testing.TB, want, got *record) {
	t.Helper()
	if want.batch != nil {
		require.Equal(t, want.batch.Len(), got.batch.Len())
		for i := range want.batch.Len() {
			require.Equal(t, want.batch.Event(i), got.batch.Event(i))
		}
	}
	if want.actuals != nil {
		require.Equal(t, want.actuals.Len(), got.actuals.Len())
		require.Equal(t, want.actuals.Models, got.actuals.Models)
		require.Equal(t, want.actuals.Scopes, got.actuals.Scopes)
		require.Equal(t, want.actuals.Known, got.actuals.Known)
		for i := range want.actuals.Len() {
			require.Equal(t, want.actuals.Actual(i), got.actuals.Actual(i))
		}
	}
	_, wantRejects, wantCounts := want.rejected()
	_, gotRejects, gotCounts := got.rejected()
	require.Equal(t, wantCounts, gotCounts)
	require.Len(t, gotRejects, len(wantRejects))
	for i := range wantRejects {
		require.Equal(t, wantRejects[i], gotRejects[i])
	}
}
