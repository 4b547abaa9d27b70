package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestBackupCommands takes backups of a server and of a directory, lists, verifies and restores them.
func TestBackupCommands(t *testing.T) {
	store, dir := storeOf(t, 7), t.TempDir()
	dest, restored := filepath.Join(dir, "backups"), filepath.Join(dir, "restored")
	require.NoError(t, os.WriteFile(filepath.Join(store, "tokens.json"), []byte(`{"tokens":[]}`), 0o600))

	ok := func(args ...string) string {
		t.Helper()
		r := run(t, args...)
		require.Equal(t, exitOK, r.code, "%v: %s", args, r.err)
		return r.out
	}
	fails := func(code int, text string, args ...string) {
		t.Helper()
		r := run(t, args...)
		require.Equal(t, code, r.code, "%v: %s", args, r.out)
		require.Contains(t, r.err, text)
	}
	require.Regexp(t, `^snapshot 1 at LSN 1 of \S+: \d+ files, \S+ \w+; copied \d+ files, `, ok("backup", dest, "--data-dir", store))
	db, err := engine.Open(store, engine.Options{})
	require.NoError(t, err)
	server, stop := serveStore(t, db)
	fails(exitFailure, "leave --data-dir out", "backup", dest, "--data-dir", store)
	require.Contains(t, ok("backup", dest, "--server", server, "--keep", "2"), "; copied 0 files, 0 B in ")
	require.Contains(t, ok("backup", dest, "--server", server, "--keep", "2"), "\nremoved 1 older snapshots and 0 files that only these needed\n")
	stop()
	require.NoError(t, db.Close())
	fails(exitFailure, "begin a backup", "backup", dest, "--server", server, "--retry-for", "1ms")

	list := ok("backup", "list", dest)
	require.Regexp(t, `^snapshot +taken +lsn +files +bytes *\n2 .*\n3 .* 1 .*\n$`, list)
	require.Regexp(t, `^backups of the store [0-9a-f]{32}: 2 snapshots, \d+ files, .*\n$`, ok("verify", dest))
	require.Regexp(t, `^restored snapshot 3 at LSN 1 `, ok("restore", dest, restored))
	require.Contains(t, ok("verify", restored), "sealed: 7 rows in 1 segments in 1 packs")
	tokens, err := os.ReadFile(filepath.Join(restored, "tokens.json"))
	require.NoError(t, err)
	require.JSONEq(t, `{"tokens":[]}`, string(tokens))
	ok("restore", dest, filepath.Join(dir, "second"), "--snapshot", "1")
	ok("restore", dest, filepath.Join(dir, "third"), "--snapshot", time.Now().UTC().Format(time.RFC3339Nano))

	fails(exitFailure, "has a store", "restore", dest, restored)
	fails(exitFailure, "there is no such snapshot", "restore", dest, filepath.Join(dir, "fourth"), "--snapshot", "2020-01-01 00:00:00")
	fails(exitFailure, "no place of backups", "restore", store, filepath.Join(dir, "fourth"))
	fails(exitUsage, "--snapshot", "restore", dest, restored, "--snapshot", "yesterday")
	fails(exitUsage, "--keep", "backup", dest, "--keep", "-1")
	fails(exitFailure, "wrong destination", "backup", dir, "--data-dir", store)
	fails(exitFailure, "backups of the store", "backup", dest, "--data-dir", storeOf(t, 1))

	packs, err := filepath.Glob(filepath.Join(dest, "segments", "*.pack"))
	require.NoError(t, err)
	require.Len(t, packs, 1)
	content, err := os.ReadFile(packs[0])
	require.NoError(t, err)
	content[100] ^= 1
	require.NoError(t, os.WriteFile(packs[0], content, 0o600))
	fails(exitFailure, "is damaged in 1 places", "verify", dest)
	require.Contains(t, run(t, "verify", dest).out, packs[0])
	fails(exitFailure, filepath.Base(packs[0]), "restore", dest, filepath.Join(dir, "fourth"))
	fails(exitFailure, "is damaged", "verify", filepath.Join(dir, "fourth"))
}

// serveStore serves a store until stop.
func serveStore(t *testing.T, db *engine.DB) (address string, stop func()) {
	t.Helper()
	server, err := httpapi.New(db, httpapi.Options{})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, <-served)
	}
}

// TestBackupWhileTheServerRestarts starts the server anew in the middle of a backup: the backup begins again, of the new server, and
// does not copy twice what it has. A connection that ends within a file is continued.
func TestBackupWhileTheServerRestarts(t *testing.T) {
	store, dest := storeOf(t, 20_000), t.TempDir()
	db, err := engine.Open(store, engine.Options{})
	require.NoError(t, err)
	address, stop := serveStore(t, db)
	var files, restarts, cut atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/files/") {
			switch files.Add(1) {
			case 2:
				stop()
				if err := db.Close(); err != nil {
					t.Error(err)
				}
				if db, err = engine.Open(store, engine.Options{}); err != nil {
					t.Error(err)
					return
				}
				address, stop = serveStore(t, db)
				restarts.Add(1)
			case 1, 4:
				w = &cutOff{ResponseWriter: w, left: 1000}
				cut.Add(1)
			}
		}
		target, err := url.Parse(address)
		if err != nil {
			t.Error(err)
		}
		(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, ErrorLog: nil}).ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	r := run(t, "backup", dest, "--server", proxy.URL)
	require.Equal(t, exitOK, r.code, r.err)
	require.Positive(t, restarts.Load())
	require.Positive(t, cut.Load())
	stop()
	require.NoError(t, db.Close())
	r = run(t, "verify", dest)
	require.Equal(t, exitOK, r.code, r.err)
	require.Contains(t, r.out, "1 snapshots")
}

// cutOff is an answer that ends after so many bytes.
type cutOff struct {
	http.ResponseWriter

	left int
}

func (c *cutOff) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

var (
	backupKillsFlag    = flag.Int("kill.backups", 8, "how often TestKillBackup kills")
	backupKillSeedFlag = flag.Uint64("kill.backup-seed", 1, "seed of TestKillBackup")
)

// killBackup is what TestKillBackup knows of a folder of backups.
type killBackup struct {
	folder  string
	writers []*killWriter
	// known says of each snapshot how many batches of each writer it has.
	known map[uint64][]int
	// restored counts directories that were restored to, middles backups that were found to be killed before their snapshot was there.
	restored, middles int
	dir               string
}

// TestKillBackup kills the server, a backup that is under way, or both, at any moment, while clients write at full speed. Every
// snapshot that is there has of each client the batches up to one, no fewer than were acknowledged before it began, and earlier ones stay
// what they were.
func TestKillBackup(t *testing.T) {
	t.Logf("replay with -kill.backup-seed=%d -kill.backups=%d", *backupKillSeedFlag, *backupKillsFlag)
	dir, binary := t.TempDir(), build(t)
	rng := rand.New(rand.NewPCG(*backupKillSeedFlag, 0))
	k := &killBackup{folder: filepath.Join(dir, "backups"), dir: dir, known: make(map[uint64][]int)}
	for i := range killWriters {
		k.writers = append(k.writers, &killWriter{number: i, rng: rand.New(rand.NewPCG(*backupKillSeedFlag, uint64(i)+1))})
	}
	complete := 0
	for cycle := range *backupKillsFlag {
		p := startProcess(t, binary, filepath.Join(dir, "data"), "--checkpoint-bytes", "1MiB", "--log-level", "error")
		checkWriters(t, p.address, k.writers)
		acked := make([]int, len(k.writers))
		written := make(chan error, 1)
		go func() { written <- writeUntilGone(p.address, k.writers) }()
		for i, w := range k.writers {
			acked[i] = int(w.acked.Load())
		}
		command := exec.CommandContext(t.Context(), binary, "backup", k.folder, "--server", p.address, "--keep", "3", "--retry-for", "1ms")
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		require.NoError(t, command.Start())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		var err error
		moment := time.After(time.Duration(rng.IntN(200)) * time.Millisecond)
		switch what := cycle % 4; what {
		case 0: // the backup goes through
			err = <-ended
			require.NoError(t, err, out.String())
		case 1:
			<-moment
			require.NoError(t, p.cmd.Process.Kill())
			err = <-ended
		default:
			<-moment
			if what == 3 {
				require.NoError(t, p.cmd.Process.Kill())
			}
			_ = command.Process.Kill() // it may be over
			err = <-ended
		}
		_ = p.cmd.Process.Kill()
		p.exit(t)
		require.NoError(t, <-written)
		if err == nil {
			complete++
		}
		k.check(t, acked, err == nil)
	}
	require.GreaterOrEqual(t, complete, *backupKillsFlag/4)
	t.Logf("%d kills, %d backups complete, %d killed in the middle, %d restored and compared", *backupKillsFlag, complete, k.middles, k.restored)
}

// check verifies the folder, and restores the snapshots that are new and one that was known.
func (k *killBackup) check(t *testing.T, acked []int, complete bool) {
	t.Helper()
	v, err := engine.VerifyBackup(t.Context(), k.folder, engine.BackupOptions{})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, engine.ErrDestination) {
		require.Empty(t, k.known, "%v", err)
		require.False(t, complete)
		return // it was killed before the first one began
	}
	require.NoError(t, err)
	require.Empty(t, v.Findings)
	if v.Unnamed > 0 {
		k.middles++
	}
	there := make(map[uint64]bool)
	fresh := 0
	for i := range v.Snapshots {
		s := &v.Snapshots[i]
		there[s.Number] = true
		batches, isKnown := k.known[s.Number]
		if isKnown && i > 0 {
			continue
		}
		found := k.restore(t, s)
		if isKnown {
			require.Equal(t, batches, found, "snapshot %d is another than it was", s.Number)
			continue
		}
		fresh++
		k.known[s.Number] = found
		for w, n := range found {
			require.GreaterOrEqual(t, n, acked[w], "snapshot %d lacks what was acknowledged before it began", s.Number)
		}
	}
	if complete {
		require.Equal(t, 1, fresh)
	}
	newest := uint64(0)
	for number := range k.known {
		newest = max(newest, number)
	}
	for number := range k.known {
		if !there[number] {
			require.LessOrEqual(t, number, newest-3, "snapshot %d is gone", number)
			delete(k.known, number)
		}
	}
}

// restore restores a snapshot and returns how many batches of each writer it has.
func (k *killBackup) restore(t *testing.T, s *engine.BackupSnapshot) []int {
	t.Helper()
	k.restored++
	dir := filepath.Join(k.dir, "restored-"+strconv.Itoa(k.restored))
	_, err := engine.Restore(t.Context(), k.folder, dir, engine.RestoreWhich{LSN: s.LSN}, engine.BackupOptions{})
	require.NoError(t, err)
	db, err := engine.Open(dir, engine.Options{})
	require.NoError(t, err)
	defer func() {
		require.NoError(t, db.Close())
		require.NoError(t, os.RemoveAll(dir))
	}()
	r, err := db.Metrics(t.Context(), engine.MetricsQuery{Model: "*", Window: 1000 * time.Hour})
	require.NoError(t, err)
	found := make([]int, len(k.writers))
	for i := range r.Rows {
		row := &r.Rows[i]
		n, err := strconv.Atoi(strings.TrimPrefix(row.Model, "writer-"))
		require.NoError(t, err)
		found[n], err = k.writers[n].batchesOf(int(row.PredictionCount), row.MAE)
		require.NoError(t, err)
	}
	return found
}

// batchesOf returns how many batches come to so many rows with such an error. The last one may be under way.
func (w *killWriter) batchesOf(count int, mae float64) (int, error) {
	history := w.history
	if w.pending != nil {
		history = append(slices.Clip(history), killSum{w.rows + w.pending.rows, w.sum + w.pending.sum})
	}
	for i, h := range history {
		if h.rows == count && mae == h.sum/float64(h.rows) {
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("writer %d: %d rows with an MAE of %v are no first batches of it", w.number, count, mae)
}
