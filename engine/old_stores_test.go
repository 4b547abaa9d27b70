package engine_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// oldStores are the stores in testdata/stores, the oldest first, with the versions of everything that is in them. Each was left
// by the program of its day, some of it sealed and some in the log, without a clean stop, together with what that program
// answered. The last one has what is written today: with -rewrite it is made anew, which is for a new version of a format alone,
// and under a new name.
var oldStores = []struct {
	name     string
	versions []string
}{
	{"2026-11-24", []string{
		"keys 1", "log 1", "manifest 1", "orphans 1", "pack 1", "quarantine 1", "record 1 flags 0", "record 1 flags 1", "record 2 flags 0",
		"record 3 flags 0", "segment 3", "store 1",
	}},
	{"2026-11-30", []string{
		"keys 2", "log 1", "manifest 2", "orphans 2", "pack 1", "quarantine 1", "record 1 flags 0", "record 1 flags 1", "record 1 flags 2",
		"record 1 flags 4", "record 3 flags 0", "record 4 flags 0", "segment 3", "store 1",
	}},
	{"2026-11-30-deletions", []string{
		"keys 2", "log 1", "manifest 3", "orphans 2", "pack 1", "quarantine 1", "record 1 flags 0", "record 1 flags 1", "record 1 flags 2",
		"record 1 flags 4", "record 4 flags 0", "record 5 flags 0", "segment 3", "store 1",
	}},
	{"2026-11-30-positions", []string{
		"keys 2", "log 1", "manifest 4", "orphans 2", "pack 1", "positions 1", "quarantine 2", "record 1 flags 0", "record 1 flags 1", "record 1 flags 2",
		"record 1 flags 4", "record 1 flags 8", "record 4 flags 0", "record 4 flags 8", "record 5 flags 0", "segment 3", "store 1",
	}},
}

// TestOldStores opens a store of every version that is promised to be read: it is whole, has the rows, answers and keys that it had,
// and goes on from there. Checkpointed, merged and opened again it has the same.
func TestOldStores(t *testing.T) {
	for i, old := range oldStores {
		t.Run(old.name, func(t *testing.T) {
			if golden.Rewriting() && i == len(oldStores)-1 {
				writeOldStore(t, old.name)
			}
			files := readOldStore(t, old.name)
			require.Equal(t, old.versions, versionsOf(files))
			answers, err := os.ReadFile(filepath.Join(oldStoresDir, old.name, "answers.txt"))
			require.NoError(t, err)
			disk := files.disk(t)
			verified, err := engine.Verify(storeDir, engine.Options{FS: disk})
			require.NoError(t, err)
			require.Empty(t, verified.Findings)
			check := func(db *engine.DB) {
				t.Helper()
				require.Equal(t, string(answers), answersOf(t, db))
				checkDisk(t, db, disk, storeDir)
			}
			for range 2 {
				db := openOld(t, disk, engine.Options{})
				check(db)
				require.NoError(t, db.Checkpoint(t.Context()))
				check(db)
				require.NoError(t, db.Merge(t.Context()))
				check(db)
				require.NoError(t, db.Close())
			}
			db := openOld(t, disk, engine.Options{})
			tell(t, db, told{predictions: oldRows(170, 175)})
			require.NotEqual(t, string(answers), answersOf(t, db))
			require.NoError(t, db.Close())
		})
	}
}

// TestOldStoresAreComplete has today's program write a store: whoever writes a new version of anything leaves a store of it among the
// old ones.
func TestOldStoresAreComplete(t *testing.T) {
	files, answers := makeStore(t)
	require.Equal(t, oldStores[len(oldStores)-1].versions, versionsOf(files))
	stored, err := os.ReadFile(filepath.Join(oldStoresDir, oldStores[len(oldStores)-1].name, "answers.txt"))
	require.NoError(t, err)
	require.Equal(t, string(stored), answers)
}

// TestVersionsAreDocumented holds the table of docs/format-pack.md to the old stores: what is in the last of them is written, and what
// is in any of them is read.
func TestVersionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "format-pack.md"))
	require.NoError(t, err)
	written, read := make(map[string][]string), make(map[string][]string)
	span := regexp.MustCompile(`(\d+) to (\d+)|\d+`)
	numbers := func(cell string) (all []string) {
		for _, m := range span.FindAllStringSubmatch(cell, -1) {
			first, err := strconv.Atoi(cmp.Or(m[1], m[0]))
			require.NoError(t, err)
			last, err := strconv.Atoi(cmp.Or(m[2], m[0]))
			require.NoError(t, err)
			for n := first; n <= last; n++ {
				all = append(all, strconv.Itoa(n))
			}
		}
		return all
	}
	names := map[string]string{
		"directory, by `store-id`": "store", "log file": "log", "record of the log, by type": "record", "pack": "pack", "segment": "segment",
		"manifest": "manifest", "list of keys": "keys", "list of rejects": "quarantine", "list of remembered actuals": "orphans",
		"list of positions": "positions",
	}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if kind := names[strings.TrimPrefix(cells[0], "| ")]; kind != "" && len(cells) >= 4 {
			written[kind], read[kind] = numbers(cells[1]), numbers(cells[2])
		}
	}
	for i, old := range oldStores {
		for _, version := range old.versions {
			words := strings.Fields(version)
			require.Contains(t, read[words[0]], words[1], version)
			if i == len(oldStores)-1 {
				require.Contains(t, written[words[0]], words[1], version)
			}
		}
	}
}

// TestNewerStoresAreRefused raises the version of one file after the other, as a later program would: a program that does not
// know it says so, names the file and writes nothing.
func TestNewerStoresAreRefused(t *testing.T) {
	files := readOldStore(t, oldStores[len(oldStores)-1].name)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		newer := maps.Clone(files)
		b := bytes.Clone(files[name])
		checked := len(b) - 4 // where the checksum is of all before it
		switch magic := string(b[:min(8, len(b))]); {
		case name == "store-id":
			b, checked = bytes.Replace(b, []byte("store 1"), []byte("store 2"), 1), 0
		case name == "LOCK", strings.HasSuffix(name, ".copy"):
			continue // nothing, and what is written anew
		case magic == "RSDPACK\x01":
			checked = 60
		case magic == "RESIDWAL":
			checked = 4092
		}
		if checked > 0 {
			binary.LittleEndian.PutUint32(b[8:], binary.LittleEndian.Uint32(b[8:])+1)
			binary.LittleEndian.PutUint32(b[checked:], crc32.Checksum(b[:checked], crc32.MakeTable(crc32.Castagnoli)))
		}
		newer[name] = b
		disk := newer.disk(t)
		_, err := engine.Open(storeDir, engine.Options{FS: disk, NoBackground: true})
		require.ErrorIs(t, err, engine.ErrVersion, name)
		require.ErrorContains(t, err, filepath.Base(name))
		require.Equal(t, newer, treeOf(t, disk), name)
	}
}

// oldStoresDir has a directory for each old store.
var oldStoresDir = filepath.Join("testdata", "stores")

func readOldStore(t *testing.T, name string) tree {
	t.Helper()
	return unpack(t, filepath.Join(oldStoresDir, name, "store.tar.gz"))
}

// unpack reads the files of an archive.
func unpack(t *testing.T, path string) tree {
	t.Helper()
	packed, err := os.ReadFile(path)
	require.NoError(t, err)
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	files, archive := make(tree), tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		files[header.Name], err = io.ReadAll(archive)
		require.NoError(t, err)
	}
}

// writeOldStore leaves what today's program makes among the old stores.
func writeOldStore(t *testing.T, name string) {
	t.Helper()
	files, answers := makeStore(t)
	dir := filepath.Join(oldStoresDir, name)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	pack(t, filepath.Join(dir, "store.tar.gz"), files)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "answers.txt"), []byte(answers), 0o600))
}

// pack writes an archive of files.
func pack(t *testing.T, path string, files tree) {
	t.Helper()
	var packed bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	archive := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name])), Format: tar.FormatUSTAR}))
		_, err := archive.Write(files[name])
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(archive.Close(), zipped.Close()))
	require.NoError(t, os.WriteFile(path, packed.Bytes(), 0o600))
}

// versionsOf lists what the files of a store say that they are: of each kind of file the version, and of records of the log the
// type, with the flags that they begin with.
func versionsOf(files tree) []string {
	found := make(map[string]bool)
	note := func(format string, args ...any) { found[fmt.Sprintf(format, args...)] = true }
	for name, b := range files {
		switch dir := filepath.Dir(name); {
		case name == "store-id":
			note("store %s", strings.Fields(string(b))[2])
		case dir == ".":
			if strings.HasPrefix(name, "MANIFEST-") {
				note("manifest %d", binary.LittleEndian.Uint32(b[8:]))
			}
		case dir == "segments":
			note("pack %d", binary.LittleEndian.Uint32(b[8:]))
			note("segment %d", binary.LittleEndian.Uint16(b[64+8:]))
		case dir == "wal":
			note("log %d", binary.LittleEndian.Uint32(b[8:]))
			for at := 4096; at+40 < len(b) && b[at+32] != 0; {
				length := int(binary.LittleEndian.Uint32(b[at+4:]))
				if kind := b[at+32]; kind < 240 {
					note("record %d flags %d", kind, b[at+40])
				}
				at += (40 + length + 7) / 8 * 8
			}
		default:
			note("%s %d", dir, binary.LittleEndian.Uint32(b[8:]))
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// answersOf is all that a store tells, as text: its rows, metrics, rejects, and the actuals that wait for a row. It asks for the keys
// last, which changes nothing.
func answersOf(t *testing.T, db *engine.DB) string {
	t.Helper()
	var rows []string
	require.NoError(t, db.EachRow(func(e event.Event) {
		actual := "waits"
		if e.HasActual {
			actual = strconv.FormatFloat(e.ActualValue, 'g', -1, 64)
		}
		rows = append(rows, fmt.Sprintln("row", e.ModelID, e.ModelVersion, e.Environment, e.PredictionID, e.Timestamp.Format(time.RFC3339Nano),
			strconv.FormatFloat(e.PredictedValue, 'g', -1, 64), actual, e.Features))
	}))
	slices.Sort(rows) // segments may lie side by side or be one
	text := strings.Builder{}
	text.WriteString(strings.Join(rows, ""))
	metrics, err := db.Metrics(t.Context(), engine.MetricsQuery{Model: "*", Version: "*", Environment: "*", From: time.Unix(0, 0)})
	require.NoError(t, err)
	for _, r := range metrics.Rows {
		fmt.Fprintln(&text, "metrics", r.Model, r.Version, r.Environment, r.PredictionCount, strconv.FormatFloat(r.RMSE, 'g', -1, 64),
			strconv.FormatFloat(r.MAE, 'g', -1, 64), r.PeriodStart.Format(time.RFC3339), r.PeriodEnd.Format(time.RFC3339))
	}
	rejects, err := db.Quarantine(t.Context(), engine.QuarantineQuery{Limit: 1000})
	require.NoError(t, err)
	for _, r := range rejects.Rows {
		fmt.Fprintln(&text, strings.TrimSuffix(fmt.Sprintln("reject", r.Source, r.LineNumber, uint8(r.Code), r.Column, r.Reason, string(r.Line),
			r.InsertedAt.Format(time.RFC3339), r.Place), " \n"))
	}
	for _, source := range []string{"topics", "objects"} {
		read := db.Positions(source)
		for _, part := range slices.Sorted(maps.Keys(read)) {
			fmt.Fprintln(&text, "position", source, part, read[part])
		}
	}
	var waiting []string
	db.EachActual(func(a event.Actual, met bool) {
		if !met {
			waiting = append(waiting, fmt.Sprintln("orphan", a.ModelID, a.PredictionID, strconv.FormatFloat(a.Value, 'g', -1, 64)))
		}
	})
	slices.Sort(waiting)
	text.WriteString(strings.Join(waiting, ""))
	for _, key := range []string{"first", "second"} {
		done, err := db.AppendOnce(t.Context(), new(event.Batch), engine.Key{ID: key, Hash: oldKeyHash})
		require.NoError(t, err)
		require.True(t, done.Duplicate, key)
		fmt.Fprintln(&text, "key", key, done.Successful, done.Quarantined)
	}
	return text.String()
}

// oldKeyHash is the hash of the body under each key.
var oldKeyHash = [16]byte{1}

// openOld opens an old store at the time at which it was left. Of the options, Duplicates and Now count.
func openOld(t *testing.T, disk *simdisk.Disk, opts engine.Options) *engine.DB {
	t.Helper()
	opts.FS, opts.NoBackground, opts.LogFileBytes, opts.Random = disk, true, 64<<10, constantReader(7)
	if opts.Now == nil {
		opts.Now = func() time.Time { return testNow }
	}
	opts.Elapsed = func() time.Duration { return 0 }
	db, err := engine.Open(storeDir, opts)
	require.NoError(t, err)
	return db
}

// told is what is told to a store, one after the other in this order, or done with it.
type told struct {
	key                  string
	predictions, actuals string
	origin               engine.Origin
	// place is that of rejects.
	place string
	// model and ids are those of a deletion.
	model string
	ids   []string
	// checkpoint makes one, and merge merges all that can be.
	checkpoint, merge bool
}

// tell tells it.
func tell(t *testing.T, db *engine.DB, all ...told) {
	t.Helper()
	ctx, d := context.Background(), event.NewDecoder()
	for _, x := range all {
		switch {
		case x.checkpoint:
			require.NoError(t, db.Checkpoint(ctx))
		case x.merge:
			require.NoError(t, db.Merge(ctx))
		case x.ids != nil:
			_, err := db.DeleteRows(ctx, engine.Deletion{Models: []string{x.model}, IDs: x.ids})
			require.NoError(t, err)
		case x.actuals != "":
			var a event.Actuals
			require.NoError(t, d.DecodeActuals(&a, []byte(x.actuals), event.NDJSON, db.Rules()))
			_, err := db.AppendActualsFrom(ctx, &a, x.origin)
			require.NoError(t, err)
		case x.key != "":
			var b event.Batch
			require.NoError(t, d.Decode(&b, []byte(x.predictions), event.NDJSON, db.Rules()))
			_, err := db.AppendOnce(ctx, &b, engine.Key{ID: x.key, Hash: oldKeyHash})
			require.NoError(t, err)
		default:
			var b event.Batch
			require.NoError(t, d.Decode(&b, []byte(x.predictions), event.NDJSON, db.Rules()))
			for i := range b.Rejects {
				b.Rejects[i].Place = x.place
			}
			_, err := db.AppendFrom(ctx, &b, x.origin)
			require.NoError(t, err)
		}
	}
}

// oldRows are the lines of some predictions, of two models in two months, of which every fifth waits.
func oldRows(from, to int) string {
	var text strings.Builder
	for i := from; i < to; i++ {
		id := fmt.Sprintf("pred_%d", i)
		if i%2 == 1 {
			id = fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15)
		}
		at := time.Date(2026, 8, 20, 6, 0, 0, 0, time.UTC).Add(time.Duration(i) * 9 * time.Hour)
		features := fmt.Sprintf(`{\"rooms\":%d,\"place\":\"Zürich %d\",\"price\":%g}`, i%7, i%3, float64(i)*0.25)
		actual := fmt.Sprintf(`,"actual_value":%g`, 100+float64(i)*1.25+float64(i%7-3)*0.3)
		if i%5 == 0 {
			actual = ""
		}
		fmt.Fprintf(&text, `{"timestamp":%q,"model_id":"model_%c","prediction_id":%q,"features":"%s","predicted_value":%g%s,"model_version":"v%d","environment":%q}`+"\n",
			at.Format(time.RFC3339Nano), 'a'+i%2, id, features, 100+float64(i)*1.25, actual, 1+i%3, []string{"production", "staging"}[i%4/3])
	}
	return text.String()
}

// makeStore has today's program make a store with all that it writes, some sealed and some in the log, and returns its files as a
// killed process leaves them, and what it answered before.
func makeStore(t *testing.T) (files tree, answers string) {
	t.Helper()
	actual := func(i int, rest string) string {
		return fmt.Sprintf(`{"model_id":"model_a","prediction_id":"pred_%d",%s}`+"\n", i, rest)
	}
	disk := simdisk.New(simdisk.Options{})
	db := openOld(t, disk, engine.Options{})
	tell(t, db, // sealed, and merged
		told{key: "first", predictions: oldRows(0, 60) + "nonsense\n" + `{"model_id":"model_a"}` + "\n"},
		told{actuals: actual(0, `"actual_value":90,"timestamp":"2026-09-01 00:00:00"`) + actual(2, `"actual_value":91`) + actual(500, `"actual_value":92`)},
		told{predictions: oldRows(60, 100)},
		told{model: "model_a", ids: []string{"pred_4", "pred_6"}},
		told{checkpoint: true}, told{predictions: oldRows(100, 120)}, told{checkpoint: true}, told{merge: true},
	)
	tell(t, db, // over what is sealed
		told{predictions: oldRows(120, 140) + oldRows(8, 12)},
		told{actuals: actual(10, `"actual_value":93`) + actual(12, `"actual_value":94,"model_version":"v1"`) + actual(20, `"actual_value":null`)},
		told{actuals: actual(502, `"actual_value":95`)},
		told{model: "model_a", ids: []string{"pred_62"}}, // which leaves packs to purge
		told{predictions: oldRows(168, 170) + "nonsense of an object\n", place: "s3://b/k line 3", origin: engine.Origin{Source: "houses", Positions: []engine.Position{
			{Source: "topics", Part: "t/0", Value: "5"}, {Source: "topics", Part: "t/1", Value: "6"}, {Source: "objects", Part: "k", Value: "etag 1"},
		}}},
		told{checkpoint: true},
		told{origin: engine.Origin{Source: "topics", Positions: []engine.Position{{Part: "t/0", Value: "7"}, {Part: "t/1"}}}},
		told{checkpoint: true}, // of positions that have changed
	)
	tell(t, db, // in the log alone
		told{key: "second", predictions: oldRows(140, 160) + "more nonsense\n"},
		told{predictions: oldRows(160, 164)},
		told{actuals: actual(30, `"actual_value":96`) + actual(14, `"actual_value":97,"environment":"production"`) + actual(504, `"actual_value":98`) + "[]\n"},
		told{model: "model_a", ids: []string{"pred_16", "pred_142", "unknown"}},
		told{predictions: oldRows(200, 204), origin: engine.Origin{Source: "topics", Positions: []engine.Position{{Part: "t/2", Value: "1"}, {Part: "t/0", Value: "8"}}}},
		told{actuals: actual(200, `"actual_value":99`) + "[]\n", origin: engine.Origin{Source: "late"}},
	)
	killed := func() *simdisk.Disk {
		disk = disk.Kill()
		db.Abandon()
		return disk
	}
	db = openOld(t, killed(), engine.Options{Duplicates: engine.DuplicatesKeep})
	tell(t, db, told{predictions: oldRows(162, 166)})
	db = openOld(t, killed(), engine.Options{Now: func() time.Time { return testNow.Add(3 * time.Hour) }}) // a clock that nobody confirms
	tell(t, db, told{predictions: oldRows(164, 168)})
	db = openOld(t, killed(), engine.Options{})
	answers = answersOf(t, db)
	return treeOf(t, killed()), answers
}
