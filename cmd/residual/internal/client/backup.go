package client

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/plaintext"
)

// ErrBackupGone is returned for a backup that the server does not hold any more: it was started anew, or was not asked for in time.
var ErrBackupGone = errors.New("the server no longer holds the backup")

// Backup is a moment of the store of a server, which holds it until Close. It implements [engine.BackupSource], and is safe for
// concurrent use. A request that fails on its way is sent again for as long as Options.RetryFor says.
type Backup struct {
	client  *Client
	id      string
	moment  engine.BackupMoment
	renewal sync.WaitGroup
	stop    context.CancelFunc
}

var _ engine.BackupSource = (*Backup)(nil)

// renewals is how often a lease is renewed while it lasts.
const renewals = 3

// BeginBackup has the server hold a moment, which takes as long as a checkpoint.
func (c *Client) BeginBackup(ctx context.Context) (*Backup, error) {
	var answer struct {
		ID           string    `json:"id"`
		LeaseSeconds float64   `json:"lease_seconds"`
		StoreID      string    `json:"store_id"`
		LSN          uint64    `json:"lsn"`
		Taken        time.Time `json:"taken"`
		Manifest     []byte    `json:"manifest"`
		Files        []struct {
			Path string `json:"path"`
			Size int64  `json:"size"`
			CRC  string `json:"crc"`
		} `json:"files"`
	}
	err := c.Retry(ctx, func() error {
		body, err := c.backupRequest(ctx, http.MethodPost, "", 0)
		if err != nil {
			return err
		}
		defer body.Close()
		return json.NewDecoder(body).Decode(&answer)
	})
	if err != nil {
		return nil, err
	}
	b := &Backup{client: c, id: answer.ID}
	b.moment = engine.BackupMoment{LSN: answer.LSN, Taken: answer.Taken.UTC(), Manifest: answer.Manifest}
	id, err := hex.DecodeString(answer.StoreID)
	if err != nil || len(id) != len(b.moment.Store) || answer.ID == "" || answer.LeaseSeconds <= 0 {
		return nil, errors.New("the server answered with a backup that has no id, store or lease")
	}
	copy(b.moment.Store[:], id)
	for _, f := range answer.Files {
		crc, err := strconv.ParseUint(f.CRC, 16, 32)
		if err != nil {
			return nil, fmt.Errorf("the server answered with a CRC that is none: %w", err)
		}
		b.moment.Files = append(b.moment.Files, engine.BackupFile{Path: f.Path, Size: f.Size, CRC: uint32(crc)})
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.renewal.Go(func() { b.renew(renewing, time.Duration(answer.LeaseSeconds*float64(time.Second)/renewals)) })
	return b, nil
}

// renew keeps the server holding on while a file is checked or written here. What fails shows when a file is asked for.
func (b *Backup) renew(ctx context.Context, interval time.Duration) {
	for b.client.opts.Sleep(ctx, interval) == nil {
		if body, err := b.client.backupRequest(ctx, http.MethodPost, "/"+b.id+"/renew", 0); err == nil {
			_ = body.Close() // it says nothing new
		}
	}
}

// Moment implements [engine.BackupSource].
func (b *Backup) Moment() engine.BackupMoment { return b.moment }

// Close has the server let go. If it cannot be told, it does so by itself when the lease is over.
func (b *Backup) Close() {
	b.stop()
	b.renewal.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	if body, err := b.client.backupRequest(ctx, http.MethodPost, "/"+b.id+"/end", 0); err == nil {
		_ = body.Close() // it says nothing new
	}
}

// Open implements [engine.BackupSource].
func (b *Backup) Open(ctx context.Context, path string, off int64) (io.ReadCloser, error) {
	for _, f := range b.moment.Files {
		if f.Path == path {
			return &backupFile{ctx: ctx, backup: b, path: path, off: off, size: f.Size}, nil
		}
	}
	return nil, fmt.Errorf("the backup has no file %q", path)
}

// backupFile is a file of a backup that is read, in as many answers as it takes. It is for one goroutine.
type backupFile struct {
	ctx       context.Context
	backup    *Backup
	path      string
	off, size int64
	body      io.ReadCloser // nil before an answer has come
}

func (f *backupFile) Read(p []byte) (n int, err error) {
	if f.off >= f.size || len(p) == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.size-f.off)]
	err = f.backup.client.Retry(f.ctx, func() error {
		n, err = f.read(p)
		return err
	})
	return n, err
}

// read reads what has come, from a new answer if the last one ended too early.
func (f *backupFile) read(p []byte) (n int, err error) {
	if f.body == nil {
		f.body, err = f.backup.client.backupRequest(f.ctx, http.MethodGet, "/"+f.backup.id+"/files/"+f.path, f.off)
		if refused, ok := errors.AsType[*StatusError](err); ok && refused.Status == http.StatusNotFound {
			return 0, Permanent(fmt.Errorf("%w: %s", ErrBackupGone, plaintext.Escape(refused.Text)))
		}
		if err != nil {
			return 0, err
		}
	}
	n, err = f.body.Read(p)
	f.off += int64(n)
	if n > 0 {
		return n, nil
	}
	_ = f.Close() // it was cut off
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return 0, err
}

func (f *backupFile) Close() error {
	if f.body == nil {
		return nil
	}
	err := f.body.Close()
	f.body = nil
	return err
}

// backupRequest asks a route of backups and returns the body of its answer, from an offset on.
func (c *Client) backupRequest(ctx context.Context, method, path string, off int64) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.URL("/v0/backups"+path, nil), http.NoBody)
	if err != nil {
		return nil, err
	}
	if off > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", off))
	}
	body, header, err := c.do(request)
	if err == nil && off > 0 && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", off)) {
		err = errors.Join(Permanent(errors.New("the server does not send parts of files")), body.Close())
	}
	return body, err
}
