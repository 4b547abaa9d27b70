package httpapi_test

import (
	"context"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// begun is the answer to who begins a backup.
type begun struct {
	ID           string  `json:"id"`
	LeaseSeconds float64 `json:"lease_seconds"`
	LSN          uint64  `json:"lsn"`
	Bytes        int64   `json:"bytes"`
	Manifest     []byte  `json:"manifest"`
	Files        []struct {
		Path string `json:"path"`
		Size int64  `json:"size"`
		CRC  string `json:"crc"`
	} `json:"files"`
}

// backupsStore is a fake store that can be copied: as another one.
type backupsStore struct {
	*actualsStore

	copied *engine.DB
}

func (s *backupsStore) BeginBackup(ctx context.Context) (*engine.HeldMoment, error) {
	return s.copied.BeginBackup(ctx)
}

func (s *backupsStore) EachSums(ctx context.Context, q engine.SumsQuery, yield func(row *engine.SumsRow) bool) (engine.Read, error) {
	return s.copied.EachSums(ctx, q, yield)
}

func (s *backupsStore) EachRows(ctx context.Context, q engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error) {
	return s.copied.EachRows(ctx, q, yield)
}

func openStore(t *testing.T) *engine.DB {
	t.Helper()
	db, err := engine.Open(t.TempDir(), engine.Options{NoBackground: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// startBackups serves a store with some rows.
func startBackups(t *testing.T, opts httpapi.Options) (*running, *engine.DB, string) {
	t.Helper()
	dir := t.TempDir()
	db, err := engine.Open(dir, engine.Options{NoBackground: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	opts.Now = time.Now
	server := startWith(t, db, opts)
	var rows strings.Builder
	for i := range 2000 {
		rows.WriteString(`{"timestamp":"2026-01-02 03:04:05","model_id":"m` + strconv.Itoa(i%300) + `","prediction_id":"` + strconv.Itoa(i) + `","features":{"n":` + strconv.Itoa(i*i) + `},` +
			`"predicted_value":1,"actual_value":2,"model_version":"v","environment":"production"}` + "\n")
	}
	if opts.Tokens == nil {
		resp, text := server.do(t, "POST", events, strings.NewReader(rows.String()))
		require.Equal(t, http.StatusAccepted, resp.StatusCode, text)
	}
	return server, db, dir
}

func begin(t *testing.T, server *running) (b begun) {
	t.Helper()
	resp, text := server.do(t, "POST", "/v0/backups", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	require.NoError(t, json.Unmarshal([]byte(text), &b))
	return b
}

// TestBackups begins a backup, reads its files whole and in ranges, while the store goes on, and ends it.
func TestBackups(t *testing.T) {
	server, db, dir := startBackups(t, httpapi.Options{})
	b := begin(t, server)
	require.Equal(t, uint64(1), b.LSN)
	require.InDelta(t, 60, b.LeaseSeconds, 0)
	require.NoError(t, db.Checkpoint(t.Context()))
	sum := int64(0)
	for _, f := range b.Files {
		path := "/v0/backups/" + b.ID + "/files/" + f.Path
		resp, whole := server.do(t, "GET", path, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
		require.Equal(t, "bytes", resp.Header.Get("Accept-Ranges"))
		require.Len(t, whole, int(f.Size))
		sum += f.Size
		if onDisk, err := os.ReadFile(filepath.Join(dir, f.Path)); err == nil {
			require.Equal(t, string(onDisk[:f.Size]), whole, f.Path)
		}
		for _, c := range []struct{ asked, want, content string }{
			{"bytes=10-", "bytes 10-" + strconv.Itoa(len(whole)-1) + "/" + strconv.Itoa(len(whole)), whole[10:]},
			{"bytes=10-19", "bytes 10-19/" + strconv.Itoa(len(whole)), whole[10:20]},
			{"bytes=-7", "bytes " + strconv.Itoa(len(whole)-7) + "-" + strconv.Itoa(len(whole)-1) + "/" + strconv.Itoa(len(whole)), whole[len(whole)-7:]},
		} {
			resp, part := server.do(t, "GET", path, nil, "Range", c.asked)
			require.Equal(t, http.StatusPartialContent, resp.StatusCode, c.asked)
			require.Equal(t, c.want, resp.Header.Get("Content-Range"))
			require.Equal(t, c.content, part, c.asked)
		}
		resp, _ = server.do(t, "GET", path, nil, "Range", "bytes="+strconv.Itoa(len(whole))+"-")
		require.Equal(t, http.StatusRequestedRangeNotSatisfiable, resp.StatusCode)
		resp, empty := server.do(t, "HEAD", path, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, strconv.Itoa(len(whole)), resp.Header.Get("Content-Length"))
		require.Empty(t, empty)
		if strings.HasPrefix(f.Path, "wal/") {
			require.Equal(t, f.CRC, strings.ToLower(hexOf(crc32.ChecksumIEEE([]byte(whole)))))
		}
	}
	require.Equal(t, b.Bytes, sum)
	resp, _ := server.do(t, "POST", "/v0/backups/"+b.ID+"/renew", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = server.do(t, "POST", "/v0/backups/"+b.ID+"/end", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	for _, path := range []string{"/end", "/renew"} {
		resp, text := server.do(t, "POST", "/v0/backups/"+b.ID+path, nil)
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
		require.Contains(t, errorText(t, text), "no backup")
	}
	resp, _ = server.do(t, "GET", "/v0/backups/"+b.ID+"/files/"+b.Files[0].Path, nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func hexOf(n uint32) string {
	text := strconv.FormatUint(uint64(n), 16)
	return strings.Repeat("0", 8-len(text)) + text
}

// TestBackupPathsAreNoPaths asks for what is not a file of the backup.
func TestBackupPathsAreNoPaths(t *testing.T) {
	server, _, _ := startBackups(t, httpapi.Options{})
	b := begin(t, server)
	for path, status := range map[string]int{
		"/v0/backups/" + b.ID:                                     404,
		"/v0/backups/" + b.ID + "/":                               404,
		"/v0/backups/" + b.ID + "/files":                          404,
		"/v0/backups/" + b.ID + "/files/store-id":                 404,
		"/v0/backups/" + b.ID + "/files/LOCK":                     404,
		"/v0/backups/" + b.ID + "/files/../store-id":              400,
		"/v0/backups/" + b.ID + "/files/%2e%2e/store-id":          400,
		"/v0/backups/" + b.ID + "/files//" + b.Files[0].Path:      400,
		"/v0/backups/" + b.ID + "/" + b.Files[0].Path:             404,
		"/v0/backups/0/files/" + b.Files[0].Path:                  404,
		"/v0/backups/" + b.ID + "/files/" + b.Files[0].Path + ".": 404,
	} {
		resp, text := server.do(t, "GET", path, nil)
		require.Equal(t, status, resp.StatusCode, path)
		require.NotEmpty(t, errorText(t, text))
	}
	resp, _ := server.do(t, "POST", "/v0/backups/"+b.ID+"/files", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	resp, _ = server.do(t, "GET", "/v0/backups", nil)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	fake := start(t, httpapi.Options{})
	resp, text := fake.do(t, "POST", "/v0/backups", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.Contains(t, errorText(t, text), "no backups")
}

// TestBackupsAreFew takes as many backups as may be at one time: the next one waits until one is over.
func TestBackupsAreFew(t *testing.T) {
	server, _, _ := startBackups(t, httpapi.Options{})
	first := begin(t, server)
	begin(t, server)
	resp, text := server.do(t, "POST", "/v0/backups", nil)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	require.Equal(t, "2", resp.Header.Get("X-RateLimit-Limit"))
	require.Contains(t, errorText(t, text), "backups")
	resp, _ = server.do(t, "POST", "/v0/backups/"+first.ID+"/end", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	begin(t, server)
}

// TestBackupLease gives a backup up whose client is gone: what it kept on the disk goes with the next sweep.
func TestBackupLease(t *testing.T) {
	server, db, _ := startBackups(t, httpapi.Options{Limits: httpapi.Limits{BackupLease: 10 * time.Millisecond}})
	b := begin(t, server)
	require.Eventually(t, func() bool { return strings.Contains(server.logs.String(), "a backup is given up") }, time.Minute, time.Millisecond)
	resp, _ := server.do(t, "GET", "/v0/backups/"+b.ID+"/files/"+b.Files[0].Path, nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.NoError(t, db.Checkpoint(t.Context()))
	require.Zero(t, db.Stats().Disk.Pinned)
}

// TestBackupsAreForAdmins asks with every other scope.
func TestBackupsAreForAdmins(t *testing.T) {
	dir := t.TempDir()
	admin := create(t, dir, "admin", "ADMIN")
	scopes := []string{
		"DATASOURCES:APPEND:ml_model_predictions", "DATASOURCES:READ:ml_model_predictions", "DATASOURCES:DELETE:ml_model_predictions",
		"PIPES:READ:predictions", "PIPES:READ:model_performance_metrics",
	}
	app := create(t, dir, "app", scopes...)
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	server, _, _ := startBackups(t, httpapi.Options{Tokens: tokens})
	resp, text := server.do(t, "POST", "/v0/backups", nil, "Authorization", "Bearer "+admin)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var b begun
	require.NoError(t, json.Unmarshal([]byte(text), &b))
	for _, token := range []string{"", app, "p.wrong"} {
		for _, request := range [][2]string{
			{"POST", "/v0/backups"},
			{"POST", "/v0/backups/" + b.ID + "/end"},
			{"POST", "/v0/backups/" + b.ID + "/renew"},
			{"GET", "/v0/backups/" + b.ID + "/files/" + b.Files[0].Path},
			{"GET", "/v0/backups/none/files/none"},
		} {
			resp, _ := server.do(t, request[0], request[1], nil, "Authorization", "Bearer "+token)
			require.Equal(t, http.StatusForbidden, resp.StatusCode, "%s %s", request[0], request[1])
		}
	}
	resp, _ = server.do(t, "GET", "/v0/backups/"+b.ID+"/files/"+b.Files[0].Path, nil, "Authorization", "Bearer "+admin)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}
