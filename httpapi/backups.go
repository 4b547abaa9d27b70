package httpapi

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/lease"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// BackupStore is a Store that can be copied while it is written. A store without it has no route for that.
type BackupStore interface {
	// BeginBackup holds a moment of the store until it is closed.
	BeginBackup(ctx context.Context) (*engine.HeldMoment, error)
}

// moments are those that clients copy.
type moments = lease.Leases[*engine.HeldMoment]

const (
	backupsPath   = "/v0/backups"
	backupsPrefix = backupsPath + "/"
)

// backupRoute is of one backup: its files, its renewal and its end.
var backupRoute = route{label: labelBackups, get: (*Server).getBackupFile, post: (*Server).postBackup}

// backupAnswer is what a client is told of a backup.
type backupAnswer struct {
	ID           string       `json:"id"`
	LeaseSeconds float64      `json:"lease_seconds"`
	StoreID      string       `json:"store_id"`
	LSN          uint64       `json:"lsn"`
	Taken        time.Time    `json:"taken"`
	Bytes        int64        `json:"bytes"`
	Manifest     []byte       `json:"manifest"`
	Files        []backupFile `json:"files"`
}

type backupFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	CRC  string `json:"crc"`
}

// postBackups serves POST /v0/backups: it begins a backup.
func (s *Server) postBackups(c *call) error {
	store, err := s.backupStore(c)
	if err != nil {
		return err
	}
	id, held, err := s.moments.Begin(func() (*engine.HeldMoment, error) {
		// The time of a checkpoint is bounded by what memory holds; given up in the middle, it would have to be made again.
		return store.BeginBackup(context.Background())
	})
	if errors.Is(err, lease.ErrFull) {
		return problem.Busy(s.limits.BackupsMax, "as many backups are being taken as may be; try again when one is over")
	}
	if err != nil {
		return err
	}
	m := held.Moment()
	answer := backupAnswer{
		ID: id, LeaseSeconds: s.limits.BackupLease.Seconds(), StoreID: hex.EncodeToString(m.Store[:]), LSN: m.LSN, Taken: m.Taken,
		Bytes: m.Bytes(), Manifest: m.Manifest, Files: make([]backupFile, len(m.Files)),
	}
	for i, f := range m.Files {
		answer.Files[i] = backupFile{f.Path, f.Size, fmt.Sprintf("%08x", f.CRC)}
	}
	s.log.Info("a backup begins", "backup", id, "lsn", m.LSN, "files", len(m.Files), "bytes", m.Bytes())
	return c.sendLongJSON(&answer)
}

// backupStore checks that the store can be copied, and that who asks may have all of it.
func (s *Server) backupStore(c *call) (BackupStore, error) {
	if err := c.principal.Allow(auth.Scope{Kind: auth.Admin}); err != nil {
		return nil, err
	}
	store, ok := c.store.(BackupStore)
	if !ok {
		return nil, problem.NotFound("the store of this server has no backups")
	}
	return store, nil
}

// backupNamed returns the backup that the path names, and what is behind its id.
func (s *Server) backupNamed(c *call) (id, rest string, err error) {
	if _, err := s.backupStore(c); err != nil {
		return "", "", err
	}
	name, behind, _ := bytes.Cut(c.target.Path[len(backupsPrefix):], []byte("/"))
	return string(name), string(behind), nil
}

func noBackup(id string) error {
	return problem.NotFound("there is no backup %s, or no longer: its lease is over, it was ended, or the server was started anew", problem.Shown(id))
}

// postBackup serves POST /v0/backups/<id>/renew and /end.
func (s *Server) postBackup(c *call) error {
	id, what, err := s.backupNamed(c)
	if err != nil {
		return err
	}
	switch what {
	case "renew":
		_, done, ok := s.moments.Use(id)
		if !ok {
			return noBackup(id)
		}
		done()
	case "end":
		ok, err := s.moments.End(id)
		if !ok {
			return noBackup(id)
		}
		if err != nil {
			return err
		}
		s.log.Info("a backup ends", "backup", id)
	default:
		return problem.NotFound("a backup has renew and end, and not %s", problem.Shown(what))
	}
	return c.sendJSON(struct {
		ID           string  `json:"id"`
		LeaseSeconds float64 `json:"lease_seconds"`
	}{id, s.limits.BackupLease.Seconds()})
}

// getBackupFile serves GET /v0/backups/<id>/files/<path>: a file, or the range of it that the request asks for.
func (s *Server) getBackupFile(c *call) error {
	id, rest, err := s.backupNamed(c)
	if err != nil {
		return err
	}
	held, done, ok := s.moments.Use(id)
	if !ok {
		return noBackup(id)
	}
	file, err := c.heldFile(id, rest, held)
	if err == nil {
		file.done = done
		err = s.sendFile(c, file)
	}
	if err != nil {
		done()
	}
	return err
}

// heldFile opens the file of a backup that is asked for.
func (c *call) heldFile(id, rest string, held *engine.HeldMoment) (*heldFile, error) {
	path, ok := strings.CutPrefix(rest, "files/")
	size, known := held.Size(path)
	if !ok || !known {
		return nil, problem.NotFound("the backup has no %s", problem.Shown(rest))
	}
	from, length, err := c.byteRange(size)
	if err != nil {
		return nil, err
	}
	file, err := held.Open(context.Background(), path, from)
	if errors.Is(err, engine.ErrClosed) { // it was ended meanwhile
		return nil, noBackup(id)
	}
	return &heldFile{file: file, length: length}, err
}

// byteRange returns the range of a file of so many bytes that the request asks for, all of it if it asks for none.
func (c *call) byteRange(size int64) (from, length int64, err error) {
	header := &c.ctx.Response.Header
	header.Set(fasthttp.HeaderAcceptRanges, "bytes")
	asked := c.ctx.Request.Header.Peek(fasthttp.HeaderRange)
	if len(asked) == 0 {
		return 0, size, nil
	}
	first, last, err := fasthttp.ParseByteRange(asked, int(size))
	if err != nil {
		header.Set(fasthttp.HeaderContentRange, fmt.Sprintf("bytes */%d", size))
		return 0, 0, problem.New(fasthttp.StatusRequestedRangeNotSatisfiable, "backups", "the range %s is not one of %d bytes", problem.Shown(asked), size)
	}
	c.ctx.SetStatusCode(fasthttp.StatusPartialContent)
	header.SetContentRange(first, last, int(size))
	return int64(first), int64(last) - int64(first) + 1, nil
}

// heldFile is a file of a backup on its way.
type heldFile struct {
	file   io.ReadCloser
	length int64
	done   func() // lets go of the backup
}

// sendFile sends a file, in pieces, however long that takes a client that goes on reading.
func (s *Server) sendFile(c *call, f *heldFile) error {
	a, err := c.openStream(streamBytes)
	if err != nil {
		_ = f.file.Close() // it was only read
		return err
	}
	a.end = time.Time{}
	a.write = func(o *encode.Output) error {
		n, err := io.CopyBuffer(struct{ io.Writer }{o}, io.LimitReader(f.file, f.length), make([]byte, encode.PieceBytes))
		if err == nil && n < f.length {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	a.release = func() {
		_ = f.file.Close()
		f.done()
	}
	c.ctx.SetContentType("application/octet-stream")
	c.sendStream(a, int(f.length))
	return nil
}
