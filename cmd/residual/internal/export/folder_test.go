package export_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/export"
)

// hostileModels are names that try to leave the folder, to be taken for others, or not to fit.
var hostileModels = []string{
	"..", ".", "../../up", "/etc/passwd", "a/b", `a\b`, "a%2Fb", "a=b", "A", "a", "a,b", "a*", "team_*", "7", "007", "null", "__HIVE_DEFAULT_PARTITION__",
	" a ", "~", "a~b", "modèle", "-rf", "model=x", ".part-0.parquet", strings.Repeat("x", 256), strings.Repeat("x", 255) + "y", strings.Repeat("é", 128),
	strings.Repeat("x", 199) + "/", strings.Repeat("x", 200), "latest", "'; drop", "\"q\"", "con", "*b",
}

// readFolder reads all partitions, and holds each file to the folder it is in.
func readFolder(t *testing.T, dir, format string) (rows []row) {
	t.Helper()
	for _, name := range names(t, dir) {
		if name == "_export.json" {
			continue
		}
		levels := strings.Split(name, string(filepath.Separator))
		require.Len(t, levels, 3, name)
		require.Equal(t, "part-0."+format, levels[2])
		month, ok := strings.CutPrefix(levels[0], "month=")
		require.True(t, ok, name)
		model, ok := strings.CutPrefix(levels[1], "model=")
		require.True(t, ok, name)
		file, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		part := decode(t, format, file)
		require.NotEmpty(t, part, "a partition without rows has no file")
		for _, x := range part {
			require.Equal(t, month, x.Time.Format("2006-01"))
			require.Equal(t, part[0].Model, x.Model)
		}
		if !strings.Contains(model, "~") {
			decoded, err := url.PathUnescape(model)
			require.NoError(t, err)
			require.Equal(t, part[0].Model, decoded, "as readers of partitions decode it")
		}
		rows = append(rows, part...)
	}
	return rows
}

func TestFolder(t *testing.T) {
	rows := someRows(300, hostileModels...)
	for _, format := range export.Formats {
		s := newServer(t, rows)
		above := t.TempDir()
		dir := filepath.Join(above, "made", "out")
		planned := int64(0)
		filled, err := newExport(t, s, format, export.Plain).Folder(t.Context(), dir, export.FolderOptions{Parallel: 3, OnPlan: func(n int64) { planned = n }})
		require.NoError(t, err)
		require.EqualValues(t, len(rows), planned)
		require.EqualValues(t, len(rows), filled.Rows)
		require.Equal(t, ordered(rows), ordered(readFolder(t, dir, format)))
		for _, name := range names(t, above) {
			require.True(t, strings.HasPrefix(name, "made/out/"), name)
		}
		_, err = newExport(t, s, format, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
		require.ErrorIs(t, err, export.ErrRefused)
		require.ErrorContains(t, err, fmt.Sprintf("has all of it already, in %d files; --force makes it anew", filled.Files))
	}
}

// TestFolderWindow checks that partitions at the ends of the window have what lies within.
func TestFolderWindow(t *testing.T) {
	rows := someRows(60, "a", "b")
	from, to := time.Date(2025, 12, 15, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	_, err := newExport(t, newServer(t, rows), export.NDJSON, export.Plain).Folder(t.Context(), dir, export.FolderOptions{From: from, To: to})
	require.NoError(t, err)
	want := slices.DeleteFunc(slices.Clone(rows), func(x row) bool { return x.Time.Before(from) || !x.Time.Before(to) })
	require.Equal(t, ordered(want), ordered(readFolder(t, dir, export.NDJSON)))
}

// TestResume ends an export after each of its requests in turn, and goes on.
func TestResume(t *testing.T) {
	rows := someRows(40, "a", "b", "c")
	for ends := 1; ; ends++ {
		s := newServer(t, rows)
		s.misbehave(func(n int, w http.ResponseWriter, answer []byte) bool {
			if n < ends {
				return false
			}
			if n%2 == 0 {
				return cut(w, answer)
			}
			return unavailable(w)
		})
		dir := t.TempDir()
		e := newExport(t, s, export.NDJSON, export.Plain)
		first, err := e.Folder(t.Context(), dir, export.FolderOptions{Parallel: 2})
		if err == nil {
			require.Greater(t, ends, 20, "it was ended that often")
			return
		}
		for _, name := range names(t, dir) {
			require.NotContains(t, name, ".tmp")
		}
		readFolder(t, dir, export.NDJSON) // holds whole files alone

		other := newExport(t, s, export.NDJSON, export.Plain)
		other.Question.Parameters.Set("environment", "staging")
		_, err = other.Folder(t.Context(), dir, export.FolderOptions{})
		require.ErrorContains(t, err, "has an export of another question")

		s.misbehave(behaves)
		s.forget()
		second, err := newExport(t, s, export.NDJSON, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
		require.NoError(t, err)
		require.Equal(t, first.Files, second.Kept, "what was there is not asked for again")
		require.Len(t, s.questions(), second.Files)
		require.Equal(t, ordered(rows), ordered(readFolder(t, dir, export.NDJSON)))
	}
}

// TestForce replaces an export by another one, of which nothing is mixed in.
func TestForce(t *testing.T) {
	s := newServer(t, someRows(60, "a", "b"))
	dir := t.TempDir()
	_, err := newExport(t, s, export.NDJSON, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
	require.NoError(t, err)
	s.change(func(b *behaviour) { b.rows = someRows(20, "b", "c") })
	_, err = newExport(t, s, export.CSV, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
	require.ErrorContains(t, err, "another question")
	_, err = newExport(t, s, export.CSV, export.Plain).Folder(t.Context(), dir, export.FolderOptions{Force: true})
	require.NoError(t, err)
	require.Equal(t, ordered(s.behaviour.rows), ordered(readFolder(t, dir, export.CSV)))

	// One that fails has no state that says it is complete.
	s.misbehave(func(_ int, w http.ResponseWriter, _ []byte) bool { return unavailable(w) })
	_, err = newExport(t, s, export.CSV, export.Plain).Folder(t.Context(), dir, export.FolderOptions{Force: true})
	require.Error(t, err)
	require.Empty(t, readFolder(t, dir, export.CSV))
	s.misbehave(behaves)
	_, err = newExport(t, s, export.CSV, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
	require.NoError(t, err)
	require.Equal(t, ordered(s.behaviour.rows), ordered(readFolder(t, dir, export.CSV)))
}

// TestForeignFolders checks that a folder of other things is not written to, whatever is asked.
func TestForeignFolders(t *testing.T) {
	e := newExport(t, newServer(t, someRows(3, "a")), export.NDJSON, export.Plain)
	f := func(name, content, want string) {
		t.Helper()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		for _, force := range []bool{false, true} {
			_, err := e.Folder(t.Context(), dir, export.FolderOptions{Force: force})
			require.ErrorIs(t, err, export.ErrRefused)
			require.ErrorContains(t, err, want)
			require.Equal(t, []string{name}, names(t, dir))
		}
	}
	f("thesis.tex", "", "is not empty and holds no export")
	f("_export.json", "{}", "is not the state of an export that this version knows")
	f("_export.json", "", "is not the state of an export that this version knows")
	f("_export.json", `{"version":2}`, "is not the state of an export that this version knows")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := e.Folder(t.Context(), file, export.FolderOptions{})
	require.Error(t, err)
}

// TestFolderIsLocked has a second export come while one writes.
func TestFolderIsLocked(t *testing.T) {
	s := newServer(t, someRows(3, "a"))
	dir := t.TempDir()
	var once sync.Once
	s.misbehave(func(int, http.ResponseWriter, []byte) bool {
		once.Do(func() {
			_, err := newExport(t, s, export.NDJSON, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
			require.ErrorIs(t, err, export.ErrRefused)
			require.ErrorContains(t, err, "another export is writing to "+dir)
		})
		return false
	})
	_, err := newExport(t, s, export.NDJSON, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
	require.NoError(t, err)
}

// TestModelsNamedLikeAll checks the one name that a pipe does not take for itself.
func TestModelsNamedLikeAll(t *testing.T) {
	rows := someRows(30, "*", "b")
	dir := t.TempDir()
	_, err := newExport(t, newServer(t, rows), export.NDJSON, export.Plain).Folder(t.Context(), dir, export.FolderOptions{})
	require.NoError(t, err)
	require.Equal(t, ordered(rows), ordered(readFolder(t, dir, export.NDJSON)))

	_, err = newExport(t, newServer(t, someRows(30, "*", "**")), export.NDJSON, export.Plain).Folder(t.Context(), t.TempDir(), export.FolderOptions{})
	require.ErrorContains(t, err, "a folder cannot keep them apart")
}

// TestEscape checks that names have escapes of their own that fit a file name, also where a file system folds case.
func TestEscape(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	models := slices.Clone(hostileModels)
	for range 5000 {
		name := make([]byte, 1+random.IntN(256))
		for i := range name {
			name[i] = "abAB/.%~*= _-\xc3\xa9"[random.IntN(15)]
		}
		models = append(models, string(name))
	}
	slices.Sort(models)
	for _, folds := range []bool{false, true} {
		seen := map[string]string{}
		for _, model := range slices.Compact(models) {
			got := export.Escape(model, folds)
			require.LessOrEqual(t, len("model="+got), 255)
			require.NotContains(t, got, "/")
			key := got
			if folds {
				key = strings.ToLower(got)
			}
			other, taken := seen[key]
			require.False(t, taken, "%q and %q", other, model)
			seen[key] = model
			if !strings.Contains(got, "~") {
				plain, err := url.PathUnescape(got)
				require.NoError(t, err)
				require.Equal(t, model, plain)
			}
		}
	}
}

// TestCounter counts rows of CSV in pieces, however they are cut.
func TestCounter(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var rows []row
		for range random.IntN(6) {
			text := make([]byte, random.IntN(12))
			for i := range text {
				text[i] = "\"\n\r,a"[random.IntN(5)]
			}
			rows = append(rows, row{At: "2026-01-01 00:00:00", Model: "a", Text: string(text)})
		}
		answer := encode(export.CSV, rows)
		counted, err := export.Count(export.CSV, pieces(random, answer))
		require.NoError(t, err)
		require.EqualValues(t, len(rows), counted, "%q", answer)
		if len(answer) > 0 {
			_, err = export.Count(export.CSV, pieces(random, bytes.TrimSuffix(answer, []byte("\n"))))
			require.Error(t, err)
		}
	}
	_, err := export.Count(export.CSV, [][]byte{[]byte("a,\"b\n")})
	require.Error(t, err, "it ends between quotes")
	for _, file := range []string{"", "PAR1", "PAR1PAR", "PAR1....PAR"} {
		_, err := export.Count(export.Parquet, [][]byte{[]byte(file)})
		require.Error(t, err, file)
	}
	_, err = export.Count(export.Parquet, [][]byte{[]byte("PAR1...P"), []byte("A"), []byte("R1")})
	require.NoError(t, err)
}

func pieces(random *rand.Rand, answer []byte) (pieces [][]byte) {
	for len(answer) > 0 {
		n := 1 + random.IntN(len(answer))
		pieces = append(pieces, answer[:n])
		answer = answer[n:]
	}
	return pieces
}
