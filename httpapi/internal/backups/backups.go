package backups

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
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/lease"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

// Store is a Store that can be copied while it is written. A store without it has no route for that.
type Store interface {
	// BeginBackup holds a moment of the store until it is closed.
	BeginBackup(ctx context.Context) (*engine.HeldMoment, error)
}

// Backups are the routes of backups, and the moments that clients copy.
type Backups struct {
	moments lease.Leases[*engine.HeldMoment]
	log     *telemetry.Log
}

// New returns the routes for so many backups at one time, each of which ends when its client has been away for a lease.
func New(most int, leaseFor time.Duration, log *telemetry.Log) *Backups {
	b := &Backups{log: log}
	b.moments.Max, b.moments.For = most, leaseFor
	b.moments.Expired = func(id string) {
		log.Warn("a backup is given up: its client has not asked for it in time", "backup", id)
	}
	return b
}

// EndAll ends all backups.
func (b *Backups) EndAll() { b.moments.EndAll() }

// Path is where backups begin; what is about one of them begins with Prefix.
const (
	Path   = "/v0/backups"
	Prefix = Path + "/"
)

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

// Begin serves POST /v0/backups: it begins a backup.
func (b *Backups) Begin(c *exchange.Exchange, of any) error {
	store, err := storeOf(c, of)
	if err != nil {
		return err
	}
	id, held, err := b.moments.Begin(func() (*engine.HeldMoment, error) {
		// The time of a checkpoint is bounded by what memory holds; given up in the middle, it would have to be made again.
		return store.BeginBackup(context.Background())
	})
	if errors.Is(err, lease.ErrFull) {
		return problem.Busy(b.moments.Max, "as many backups are being taken as may be; try again when one is over")
	}
	if err != nil {
		return err
	}
	m := held.Moment()
	answer := backupAnswer{
		ID: id, LeaseSeconds: b.moments.For.Seconds(), StoreID: hex.EncodeToString(m.Store[:]), LSN: m.LSN, Taken: m.Taken,
		Bytes: m.Bytes(), Manifest: m.Manifest, Files: make([]backupFile, len(m.Files)),
	}
	for i, f := range m.Files {
		answer.Files[i] = backupFile{f.Path, f.Size, fmt.Sprintf("%08x", f.CRC)}
	}
	b.log.Info("a backup begins", "backup", id, "lsn", m.LSN, "files", len(m.Files), "bytes", m.Bytes())
	return c.SendLongJSON(&answer)
}

// storeOf checks that the store can be copied, and that who asks may have all of it.
func storeOf(c *exchange.Exchange, of any) (Store, error) {
	if err := c.Principal.Allow(auth.Scope{Kind: auth.Admin}); err != nil {
		return nil, err
	}
	store, ok := of.(Store)
	if !ok {
		return nil, problem.NotFound("the store of this server has no backups")
	}
	return store, nil
}

// named returns the backup that the path names, and what is behind its id.
func named(c *exchange.Exchange, of any) (id, rest string, err error) {
	if _, err := storeOf(c, of); err != nil {
		return "", "", err
	}
	name, behind, _ := bytes.Cut(c.Target.Path[len(Prefix):], []byte("/"))
	return string(name), string(behind), nil
}

func noBackup(id string) error {
	return problem.NotFound("there is no backup %s, or no longer: its lease is over, it was ended, or the server was started anew", problem.Shown(id))
}

// Change serves POST /v0/backups/<id>/renew and /end.
func (b *Backups) Change(c *exchange.Exchange, of any) error {
	id, what, err := named(c, of)
	if err != nil {
		return err
	}
	switch what {
	case "renew":
		_, done, ok := b.moments.Use(id)
		if !ok {
			return noBackup(id)
		}
		done()
	case "end":
		ok, err := b.moments.End(id)
		if !ok {
			return noBackup(id)
		}
		if err != nil {
			return err
		}
		b.log.Info("a backup ends", "backup", id)
	default:
		return problem.NotFound("a backup has renew and end, and not %s", problem.Shown(what))
	}
	return c.SendJSON(struct {
		ID           string  `json:"id"`
		LeaseSeconds float64 `json:"lease_seconds"`
	}{id, b.moments.For.Seconds()})
}

// File serves GET /v0/backups/<id>/files/<path>: a file, or the range of it that the request asks for.
func (b *Backups) File(c *exchange.Exchange, of any) error {
	id, rest, err := named(c, of)
	if err != nil {
		return err
	}
	held, done, ok := b.moments.Use(id)
	if !ok {
		return noBackup(id)
	}
	file, length, err := heldFile(c, id, rest, held)
	if err == nil {
		err = c.SendFile(file, length, done)
	}
	if err != nil {
		done()
	}
	return err
}

// heldFile opens the file of a backup that is asked for.
func heldFile(c *exchange.Exchange, id, rest string, held *engine.HeldMoment) (file io.ReadCloser, length int64, err error) {
	path, ok := strings.CutPrefix(rest, "files/")
	size, known := held.Size(path)
	if !ok || !known {
		return nil, 0, problem.NotFound("the backup has no %s", problem.Shown(rest))
	}
	from, length, err := byteRange(c, size)
	if err != nil {
		return nil, 0, err
	}
	file, err = held.Open(context.Background(), path, from)
	if errors.Is(err, engine.ErrClosed) { // it was ended meanwhile
		return nil, 0, noBackup(id)
	}
	return file, length, err
}

// byteRange returns the range of a file of so many bytes that the request asks for, all of it if it asks for none.
func byteRange(c *exchange.Exchange, size int64) (from, length int64, err error) {
	header := &c.Ctx.Response.Header
	header.Set(fasthttp.HeaderAcceptRanges, "bytes")
	asked := c.Ctx.Request.Header.Peek(fasthttp.HeaderRange)
	if len(asked) == 0 {
		return 0, size, nil
	}
	first, last, err := fasthttp.ParseByteRange(asked, int(size))
	if err != nil {
		header.Set(fasthttp.HeaderContentRange, fmt.Sprintf("bytes */%d", size))
		return 0, 0, problem.New(fasthttp.StatusRequestedRangeNotSatisfiable, "backups", "the range %s is not one of %d bytes", problem.Shown(asked), size)
	}
	c.Ctx.SetStatusCode(fasthttp.StatusPartialContent)
	header.SetContentRange(first, last, int(size))
	return int64(first), int64(last) - int64(first) + 1, nil
}
