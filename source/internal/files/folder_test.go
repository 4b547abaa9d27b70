package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/patience"
	"github.com/residualdb/residual/source/internal/connector"
)

// inFolder reads a pattern of files below a folder, which are taken to be whole soon.
func inFolder(dir, pattern string) Config {
	return Config{Pattern: filepath.Join(dir, pattern), Poll: 10 * time.Millisecond, Limits: Limits{Settle: 50 * time.Millisecond, Forget: time.Second}}
}

func write(t *testing.T, path string, data []byte, modified time.Time) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, os.Chtimes(path, modified, modified))
}

// TestFolder reads files of every format, and none behind a link.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), newStore()
	write(t, filepath.Join(dir, "in/a.ndjson"), linesOf("a", 7000), day)
	write(t, filepath.Join(dir, "in/b/c/b.csv.gz"), gzipped(csvOf("b", 100)), day)
	write(t, filepath.Join(dir, "in/b/c.parquet"), parquetOf(t, "c", 3000), day)
	write(t, filepath.Join(dir, "out/x.ndjson"), linesOf("x", 3), day)
	require.NoError(t, os.Symlink(filepath.Join(dir, "out/x.ndjson"), filepath.Join(dir, "in/link.ndjson")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "out"), filepath.Join(dir, "in/out")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "in"), filepath.Join(dir, "entry")))
	r := run1(t, inFolder(dir, "entry/**"), to)
	eventually(t, func() bool { return len(to.Positions("")) == 3 && r.Snapshot().Lag.Bytes == 0 }, "all is read")
	require.NoError(t, r.stop())
	requireOnce(t, to, map[string]int{"a": 7000, "b": 100, "c": 3000})
	for _, p := range to.Positions("") {
		require.True(t, strings.HasPrefix(p, "done "))
	}
}

// TestRejectsOfOneFile has a table of which no record is a row: of its rejects as many are kept as leave room for those of others, all are counted,
// and each says what is wrong with its record.
func TestRejectsOfOneFile(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), newStore()
	broken := strings.SplitAfterN(string(csvOf("a", 1)), "\n", 2)[0] + strings.Repeat(strings.Repeat("x", 2000)+",1\n", 1500)
	write(t, filepath.Join(dir, "a.csv"), []byte(broken), day)
	write(t, filepath.Join(dir, "b.csv"), append(csvOf("b", 10), "x,1\n"...), day.Add(time.Second))
	r := run1(t, inFolder(dir, "*"), to)
	eventually(t, func() bool { return len(to.Positions("")) == 2 && r.Snapshot().Lag.Bytes == 0 }, "all is read")
	require.NoError(t, r.stop())
	require.Greater(t, len(broken), 2*runBytes, "it is read bit by bit")
	require.Equal(t, uint64(1501), r.Snapshot().Counts.Rejects)
	require.Len(t, to.rejects, connector.RejectsMax+1)
	last := to.rejects[connector.RejectsMax]
	require.Equal(t, "file://"+filepath.Join(dir, "b.csv")+", row 11", last.Place)
	require.Equal(t, "no row of the file's columns; the line says why", last.Reason)
	require.Regexp(t, "^1 fields where there are 7 columns: x,1$", string(last.Raw))
}

// TestFilesBeingWritten writes a file bit by bit: it is read when it does not change any more.
func TestFilesBeingWritten(t *testing.T) {
	t.Parallel()
	patience.Try(t, time.Second, func(limit time.Duration) (enough bool) {
		dir, to := t.TempDir(), newStore()
		c := inFolder(dir, "*.ndjson")
		c.Limits.Settle = limit
		r := run1(t, c, to)
		began := time.Now()
		file, err := os.Create(filepath.Join(dir, "a.ndjson"))
		require.NoError(t, err)
		for _, b := range []string{"one", "two", "six"} {
			_, err = file.Write(linesOf(b, 3))
			require.NoError(t, err)
			time.Sleep(20 * time.Millisecond)
		}
		require.NoError(t, file.Close())
		early := len(to.stored())
		if time.Since(began) > limit {
			require.NoError(t, r.stop())
			return false
		}
		require.Zero(t, early)
		eventually(t, func() bool { return len(to.stored()) == 9 }, "it is read")
		ahead := time.Now().Add(time.Hour) // of a machine whose clock is wrong
		write(t, filepath.Join(dir, "b.ndjson"), linesOf("b", 3), ahead)
		eventually(t, func() bool { return len(to.stored()) == 12 }, "it is read too")
		require.NoError(t, r.stop())
		requireOnce(t, to, map[string]int{"one": 3, "two": 3, "six": 3, "b": 3})
		return true
	})
}

// TestFolderThatCannotBeRead says what to do about it.
func TestFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := run1(t, inFolder(dir, "none/*"), newStore())
	err := <-r.done
	require.ErrorContains(t, err, "none/ does not exist: make it, or mount what it is on")
	require.NotEmpty(t, connector.Advice(err))
	write(t, filepath.Join(dir, "file"), nil, day)
	r = run1(t, inFolder(dir, "file/*"), newStore())
	require.ErrorContains(t, <-r.done, "cannot be read")
	if os.Geteuid() == 0 {
		return // who may read everything
	}
	to := newStore()
	write(t, filepath.Join(dir, "in/closed/a"), linesOf("x", 1), day)
	write(t, filepath.Join(dir, "in/b"), linesOf("b", 1), day)
	require.NoError(t, os.Chmod(filepath.Join(dir, "in/closed"), 0))
	r = run1(t, inFolder(dir, "in/**"), to)
	eventually(t, func() bool { return r.Snapshot().State == connector.Failing && len(to.stored()) == 1 }, "the other is read")
	require.ErrorContains(t, r.Snapshot().Err, "may not be read, and is left out")
	require.NoError(t, r.stop())
}

// TestFileThatChangesWhileItIsRead is in the place of what would otherwise be rows of no version.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ndjson")
	write(t, path, linesOf("a", 10), day)
	c := inFolder(dir, "*").withDefaults()
	f := newFolder(&c, newPattern(c.Pattern))
	var o object
	skipped, err := f.list(t.Context(), func(found object) { o = found })
	require.NoError(t, err)
	require.NoError(t, skipped)
	read := opening{place: f}
	content, err := read.open(t.Context(), &o, position{})
	require.NoError(t, err)
	defer content.Close()
	require.NoError(t, os.Truncate(path, 100))
	for err == nil {
		_, _, err = content.next(make([]byte, 0, runBytes))
	}
	require.ErrorIs(t, err, errChanged)
	_, err = read.open(t.Context(), &o, position{})
	require.ErrorIs(t, err, errChanged)
	require.NoError(t, os.Remove(path))
	_, err = read.open(t.Context(), &o, position{})
	require.ErrorIs(t, err, errGone)
	require.NoError(t, os.Symlink("/etc/hostname", path))
	_, err = read.open(t.Context(), &o, position{})
	require.ErrorIs(t, err, errGone)
}

// TestFileThatIsOverwrittenInItsPlace reads a file here and there, and from its beginning, while other bytes of the same size are written
// into it: none of them comes as of the version that is read.
func TestFileThatIsOverwrittenInItsPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.parquet")
	write(t, path, []byte(strings.Repeat("a", 1000)), day)
	c := inFolder(dir, "*").withDefaults()
	f := newFolder(&c, newPattern(c.Pattern))
	var o object
	_, err := f.list(t.Context(), func(found object) { o = found })
	require.NoError(t, err)
	at, err := f.openAt(t.Context(), &o)
	require.NoError(t, err)
	defer at.Close() //nolint:errcheck // it was only read
	from, err := f.open(t.Context(), &o, 0)
	require.NoError(t, err)
	defer func() { _ = from.Close() }()
	buf := make([]byte, 100)
	_, err = at.ReadAt(buf, 0)
	require.NoError(t, err)
	_, err = from.Read(buf)
	require.NoError(t, err)

	write(t, path, []byte(strings.Repeat("b", 1000)), day.Add(time.Hour))
	n, err := at.ReadAt(buf, 100)
	require.ErrorIs(t, err, errChanged)
	require.Zero(t, n)
	n, err = from.Read(buf)
	require.ErrorIs(t, err, errChanged)
	require.Zero(t, n)
}

// partlyListed is a place of which a part cannot be listed.
type partlyListed struct {
	place

	listed  []object
	skipped error
}

func (p *partlyListed) list(_ context.Context, yield func(object)) (skipped, err error) {
	for _, o := range p.listed {
		yield(o)
	}
	return p.skipped, nil
}

// TestLeftOutIsNotForgotten has files missing for long: while a part of the place cannot be listed they may be there.
func TestLeftOutIsNotForgotten(t *testing.T) {
	t.Parallel()
	to := newStore()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	to.positions["file://"+a], to.positions["file://"+b], to.positions["file:///elsewhere/c"] = "done 1", "done 1", "done 1"
	c := inFolder(dir, "*").withDefaults()
	p := &partlyListed{place: newFolder(&c, newPattern(c.Pattern)), listed: []object{{key: a, version: "1"}}, skipped: errors.New("closed")}
	s, err := newSession(&c, &connector.Feed{Report: new(connector.Report), Source: "events", Mapping: plainMapping(), Sink: to}, p)
	require.NoError(t, err)
	s.backlog.max = 10
	now := day
	s.now = func() time.Time { now = now.Add(48 * time.Hour); return now }
	for range 3 {
		require.NoError(t, s.pass(t.Context(), false))
	}
	require.Equal(t, "done 1", to.position(b))
	p.skipped = nil
	for range 2 {
		require.NoError(t, s.pass(t.Context(), false))
	}
	require.Empty(t, to.position(b))
	require.Equal(t, "done 1", to.position(a))
	require.Equal(t, "done 1", to.positions["file:///elsewhere/c"], "it is of another pattern")
}
