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

// ErrMomentGone is returned for a moment that the server does not hold any more: it was started anew, or was not asked for in time.
var ErrMomentGone = errors.New("the server no longer holds the moment")

// Moment is one of the store of a server, which holds it until Close. It implements [engine.BackupSource], and is safe for
// concurrent use. A request that fails on its way is sent again for as long as Options.RetryFor says.
type Moment struct {
	client  *Client
	id      string
	moment  engine.BackupMoment
	renewal sync.WaitGroup
	stop    context.CancelFunc
}

var _ engine.BackupSource = (*Moment)(nil)

// renewals is how often a lease is renewed while it lasts.
const renewals = 3

// BeginBackup has the server hold a moment, which takes as long as a checkpoint.
func (c *Client) BeginBackup(ctx context.Context) (*Moment, error) {
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
	m := &Moment{client: c, id: answer.ID}
	m.moment = engine.BackupMoment{LSN: answer.LSN, Taken: answer.Taken.UTC(), Manifest: answer.Manifest}
	id, err := hex.DecodeString(answer.StoreID)
	if err != nil || len(id) != len(m.moment.Store) || answer.ID == "" || answer.LeaseSeconds <= 0 {
		return nil, errors.New("the server answered with a moment that has no id, store or lease")
	}
	copy(m.moment.Store[:], id)
	for _, f := range answer.Files {
		crc, err := strconv.ParseUint(f.CRC, 16, 32)
		if err != nil {
			return nil, fmt.Errorf("the server answered with a CRC that is none: %w", err)
		}
		m.moment.Files = append(m.moment.Files, engine.BackupFile{Path: f.Path, Size: f.Size, CRC: uint32(crc)})
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	m.stop = stop
	m.renewal.Go(func() { m.renew(renewing, time.Duration(answer.LeaseSeconds*float64(time.Second)/renewals)) })
	return m, nil
}

// renew keeps the server holding on while a file is checked or written here. What fails shows when a file is asked for.
func (m *Moment) renew(ctx context.Context, interval time.Duration) {
	for m.client.opts.Sleep(ctx, interval) == nil {
		if body, err := m.client.backupRequest(ctx, http.MethodPost, "/"+m.id+"/renew", 0); err == nil {
			_ = body.Close() // it says nothing new
		}
	}
}

// Moment implements [engine.BackupSource].
func (m *Moment) Moment() engine.BackupMoment { return m.moment }

// Close has the server let go. If it cannot be told, it does so by itself when the lease is over.
func (m *Moment) Close() {
	m.stop()
	m.renewal.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	if body, err := m.client.backupRequest(ctx, http.MethodPost, "/"+m.id+"/end", 0); err == nil {
		_ = body.Close() // it says nothing new
	}
}

// Open implements [engine.BackupSource].
func (m *Moment) Open(ctx context.Context, path string, off int64) (io.ReadCloser, error) {
	for _, f := range m.moment.Files {
		if f.Path == path {
			return &momentFile{ctx: ctx, moment: m, path: path, off: off, size: f.Size}, nil
		}
	}
	return nil, fmt.Errorf("the moment has no file %q", path)
}

// momentFile is a file of a moment that is read, in as many answers as it takes. It is for one goroutine.
type momentFile struct {
	ctx       context.Context
	moment    *Moment
	path      string
	off, size int64
	body      io.ReadCloser // nil before an answer has come
}

func (f *momentFile) Read(p []byte) (n int, err error) {
	if f.off >= f.size || len(p) == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.size-f.off)]
	err = f.moment.client.Retry(f.ctx, func() error {
		n, err = f.read(p)
		return err
	})
	return n, err
}

// read reads what has come, from a new answer if the last one ended too early.
func (f *momentFile) read(p []byte) (n int, err error) {
	if f.body == nil {
		f.body, err = f.moment.client.backupRequest(f.ctx, http.MethodGet, "/"+f.moment.id+"/files/"+f.path, f.off)
		if refused, ok := errors.AsType[*StatusError](err); ok && refused.Status == http.StatusNotFound {
			return 0, Permanent(fmt.Errorf("%w: %s", ErrMomentGone, plaintext.Escape(refused.Text)))
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

func (f *momentFile) Close() error {
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
