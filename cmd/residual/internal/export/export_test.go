package export_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/export"
	"github.com/residualdb/residual/internal/testing/patience"
)

func newExport(t *testing.T, s *fakeServer, format, compression string) *export.Export {
	t.Helper()
	return &export.Export{
		Client: s.client(t), Header: []byte(header),
		Question: export.Question{Format: format, Compression: compression, Parameters: url.Values{"model_id": {"*"}, "from": {"1970-01-01 00:00:00.000"}}},
	}
}

func unpacked(t *testing.T, compression string, file []byte) []byte {
	t.Helper()
	var content io.Reader = bytes.NewReader(file)
	switch compression {
	case export.Gzip:
		r, err := gzip.NewReader(content)
		require.NoError(t, err)
		content = r
	case export.Zstd:
		r, err := zstd.NewReader(content)
		require.NoError(t, err)
		defer r.Close()
		content = r
	}
	plain, err := io.ReadAll(content)
	require.NoError(t, err)
	return plain
}

// names lists a directory tree's files.
func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	return found
}

func TestFile(t *testing.T) {
	rows := someRows(40, "a", "b")
	for _, format := range export.Formats {
		for _, compression := range export.Compressions {
			if format == export.Parquet && compression != export.Plain {
				continue
			}
			t.Run(format+" "+compression, func(t *testing.T) {
				s := newServer(t, rows)
				s.misbehave(func(n int, w http.ResponseWriter, answer []byte) bool {
					return n == 1 && unavailable(w) || n == 2 && cut(w, answer)
				})
				e := newExport(t, s, format, compression)
				var last export.Counts
				e.OnProgress = func(sum export.Counts) { last = sum }
				dir := t.TempDir()
				name := filepath.Join(dir, "rows")
				done, err := e.File(t.Context(), name, false)
				require.NoError(t, err)
				require.EqualValues(t, len(rows), done.Rows)
				require.Equal(t, done, last, "what was given up does not count")
				file, err := os.ReadFile(name)
				require.NoError(t, err)
				require.Equal(t, rows, decode(t, format, unpacked(t, compression, file)))
				require.Equal(t, []string{"rows"}, names(t, dir))

				_, err = e.File(t.Context(), name, false)
				require.ErrorIs(t, err, export.ErrRefused)
				require.ErrorContains(t, err, "exists; --force replaces it")
				s.change(func(b *behaviour) { b.rows = rows[:7] })
				_, err = e.File(t.Context(), name, true)
				require.NoError(t, err)
				file, err = os.ReadFile(name)
				require.NoError(t, err)
				require.Equal(t, rows[:7], decode(t, format, unpacked(t, compression, file)))

				var out bytes.Buffer
				done, err = e.Stream(t.Context(), &out)
				require.NoError(t, err)
				require.Equal(t, rows[:7], decode(t, format, unpacked(t, compression, out.Bytes())))
				if format != export.Parquet {
					require.EqualValues(t, 7, done.Rows)
				}
			})
		}
	}
}

// TestFileOfNone checks that no rows are a file all the same.
func TestFileOfNone(t *testing.T) {
	for _, format := range export.Formats {
		name := filepath.Join(t.TempDir(), "rows")
		done, err := newExport(t, newServer(t, nil), format, export.Plain).File(t.Context(), name, false)
		require.NoError(t, err)
		require.Zero(t, done.Rows)
		file, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Empty(t, decode(t, format, file))
	}
}

// TestFailuresLeaveNothing has a server fail for good in each way, and looks for what is left.
func TestFailuresLeaveNothing(t *testing.T) {
	rows := someRows(40, "a")
	f := func(want string, misbehave func(w http.ResponseWriter, answer []byte) bool) {
		t.Helper()
		for _, format := range export.Formats {
			s := newServer(t, rows)
			s.misbehave(func(_ int, w http.ResponseWriter, answer []byte) bool { return misbehave(w, answer) })
			dir := t.TempDir()
			_, err := newExport(t, s, format, export.Plain).File(t.Context(), filepath.Join(dir, "rows"), false)
			require.ErrorContains(t, err, want, format)
			require.Empty(t, names(t, dir))
			_, err = newExport(t, s, format, export.Plain).Stream(t.Context(), io.Discard)
			require.ErrorContains(t, err, want, format)
		}
	}
	f("unexpected EOF", cut)
	f("come back", func(w http.ResponseWriter, _ []byte) bool { return unavailable(w) })
	f("come back", func(w http.ResponseWriter, _ []byte) bool {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":"come back never"}`)
		return true
	})
	// A server or proxy that ends a cut answer as if it were whole.
	f("the answer is cut short", func(w http.ResponseWriter, answer []byte) bool {
		_, _ = w.Write(answer[:len(answer)-3])
		return true
	})
}

// TestStreamIsNotRepeated checks that a stream that has begun is not begun again in the middle.
func TestStreamIsNotRepeated(t *testing.T) {
	s := newServer(t, someRows(40, "a"))
	s.misbehave(func(n int, w http.ResponseWriter, answer []byte) bool {
		return n == 1 && unavailable(w) || n == 2 && cut(w, answer)
	})
	_, err := newExport(t, s, export.NDJSON, export.Plain).Stream(t.Context(), io.Discard)
	require.ErrorContains(t, err, "unexpected EOF")
	require.Equal(t, 2, s.requests())
}

// TestInterrupted ends an export in the middle of an answer.
func TestInterrupted(t *testing.T) {
	s := newServer(t, someRows(40, "a"))
	ctx, cancel := context.WithCancel(t.Context())
	s.change(func(b *behaviour) {
		b.hangs = func(int) bool {
			cancel()
			return true
		}
	})
	dir := t.TempDir()
	_, err := newExport(t, s, export.NDJSON, export.Plain).File(ctx, filepath.Join(dir, "rows"), false)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, names(t, dir))
	require.Equal(t, 1, s.requests())
}

// TestSilence has a server stop in the middle of an answer without a word, as one does whose machine is gone.
func TestSilence(t *testing.T) {
	patience.Try(t, 20*time.Millisecond, func(limit time.Duration) (enough bool) {
		s := newServer(t, someRows(40, "a"))
		s.change(func(b *behaviour) { b.hangs = func(n int) bool { return n == 1 } })
		e := newExport(t, s, export.NDJSON, export.Plain)
		e.Silence = limit
		name := filepath.Join(t.TempDir(), "rows")
		if _, err := e.File(t.Context(), name, false); err != nil || s.requests() > 2 {
			return false
		}
		require.Equal(t, 2, s.requests())

		s.change(func(b *behaviour) { b.hangs = func(int) bool { return true } })
		_, err := e.File(t.Context(), name, true)
		require.ErrorContains(t, err, "the server has stopped sending")
		_, err = e.Stream(t.Context(), io.Discard)
		require.ErrorContains(t, err, "the server has stopped sending")
		return true
	})
}

// TestSlowWriters checks that what takes long here is not taken for a server that is silent.
func TestSlowWriters(t *testing.T) {
	s := newServer(t, someRows(20_000, "a"))
	patience.Try(t, 5*time.Millisecond, func(limit time.Duration) (enough bool) {
		e := newExport(t, s, export.NDJSON, export.Plain)
		e.Silence = limit
		ticks := time.NewTicker(5 * limit)
		defer ticks.Stop()
		_, err := e.Stream(t.Context(), writerFunc(func(b []byte) (int, error) {
			<-ticks.C
			return len(b), nil
		}))
		return err == nil
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestLeftovers checks that an export takes away what one left that was killed, and nothing else.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".rows.ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp", ".rows.x.tmp", ".rows.tmp", "rows.ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	_, err := newExport(t, newServer(t, nil), export.NDJSON, export.Plain).File(t.Context(), filepath.Join(dir, "rows"), false)
	require.NoError(t, err)
	require.Equal(t, []string{".rows.tmp", ".rows.x.tmp", "rows", "rows.ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp"}, names(t, dir))
}

// TestFullDisk writes to a device that is full: the failure is not the server's, so that nothing is asked again.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // others have no such device
	}
	s := newServer(t, someRows(40, "a"))
	_, err := newExport(t, s, export.NDJSON, export.Plain).File(t.Context(), "/dev/full", false)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 1, s.requests())
}

type failingWriter struct{ left int }

var errBroken = errors.New("broken")

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errBroken
	}
	return len(b), nil
}

func TestStreamToABrokenPipe(t *testing.T) {
	s := newServer(t, someRows(20_000, "a"))
	_, err := newExport(t, s, export.NDJSON, export.Plain).Stream(t.Context(), &failingWriter{300 << 10})
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, 1, s.requests())
}

func TestByName(t *testing.T) {
	f := func(name, format, compression string) {
		t.Helper()
		gotFormat, gotCompression := export.ByName(name)
		require.Equal(t, []string{format, compression}, []string{gotFormat, gotCompression}, name)
	}
	f("a.parquet", "parquet", "none")
	f("dir.csv/a.NDJSON", "ndjson", "none")
	f("a.ndjson.gz", "ndjson", "gzip")
	f("a.jsonl.zst", "ndjson", "zstd")
	f("a.b.csv.gzip", "csv", "gzip")
	f("a.gz", "", "gzip")
	f("a", "", "none")
	f("", "", "none")
	f("a.csv.bz2", "", "none")
	f("a.json", "", "none")
	f("a.tsv.zstd", "", "zstd")
	require.Error(t, (&export.Question{Format: export.Parquet, Compression: export.Gzip}).Check())
	require.NoError(t, (&export.Question{Format: export.CSV, Compression: export.Gzip}).Check())
}

// TestPermissions checks that a file has those of any other new one.
func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	other, err := os.Create(filepath.Join(dir, "other"))
	require.NoError(t, err)
	require.NoError(t, other.Close())
	name := filepath.Join(dir, "rows")
	_, err = newExport(t, newServer(t, nil), export.NDJSON, export.Plain).File(t.Context(), name, false)
	require.NoError(t, err)
	want, err := os.Stat(other.Name())
	require.NoError(t, err)
	got, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, want.Mode(), got.Mode())
}
