package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// copiedMoment is a moment with its files in memory, and what the store held and answered then.
type copiedMoment struct {
	moment  engine.BackupMoment
	files   map[string][]byte
	content *content
	answers *answers
}

func (c *copiedMoment) Moment() engine.BackupMoment { return c.moment }

func (c *copiedMoment) Open(_ context.Context, path string, off int64) (io.ReadCloser, error) {
	b, ok := c.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(b[off:])), nil
}

// copyMoment copies what is held of a store, and asks it.
func copyMoment(db *engine.DB) (*copiedMoment, error) {
	h, err := db.BeginBackup(context.Background())
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }() // of what was only read
	c := &copiedMoment{moment: h.Moment(), files: make(map[string][]byte)}
	for _, f := range c.moment.Files {
		r, err := h.Open(context.Background(), f.Path, 0)
		if err != nil {
			return nil, err
		}
		if c.files[f.Path], err = io.ReadAll(r); err != nil {
			return nil, err
		}
		if int64(len(c.files[f.Path])) != f.Size {
			return nil, fmt.Errorf("%s: %d bytes of %d", f.Path, len(c.files[f.Path]), f.Size)
		}
	}
	if c.content, err = contentOf(db); err != nil {
		return nil, err
	}
	c.answers, err = ask(db)
	return c, err
}

// momentScript is the store that copiedMoments are of.
func momentScript() *script {
	return &script{name: "moments", shape: shape{featuresBytes: 900, old: 2}, options: engine.Options{Retention: 90 * 24 * time.Hour}}
}

// copiedMoments are moments of one store, each with files that those before it have too, and without some that these have.
var copiedMoments = sync.OnceValues(func() (moments []*copiedMoment, err error) {
	w := momentScript()
	disk := simdisk.New(simdisk.Options{})
	var l ledger
	s := newSession(w, disk, nil, l.begin)
	if err := s.open(); err != nil {
		return nil, err
	}
	defer func() { _ = s.db.Close() }() // the disk is given up
	if err := vfs.WriteFileAtomic(disk, storeDir, "tokens.json", []byte(`{"tokens":[]}`)); err != nil {
		return nil, err
	}
	for _, more := range []func(){
		func() { s.append(3) },
		func() { s.append(2); s.actuals() },
		func() {
			s.delete()
			s.checkpoint()
			s.append(1)
			s.checkpoint()
			s.append(1)
			s.checkpoint()
			s.merge()
		},
		func() { s.append(1); s.actuals(); s.checkpoint(); s.expire(); s.replay() },
	} {
		more()
		m, err := copyMoment(s.db)
		if err != nil || s.err != nil {
			return nil, fmt.Errorf("moment %d: %w, %w", len(moments), err, s.err)
		}
		moments = append(moments, m)
	}
	return moments, nil
})

const (
	backupsDir  = "/data/backups/here"
	restoredDir = "/data/new/restored"
)

// holds compares a restored store with the moment.
func (c *copiedMoment) holds(disk *simdisk.Disk, dir string) (err error) {
	opts := newSession(momentScript(), disk, nil, nil).options()
	opts.Logger = nil
	db, err := engine.Open(dir, opts)
	if err != nil {
		return crashtest.Violationf("a restored store does not open: %w", err)
	}
	defer func() {
		disk.Kill()
		db.Abandon()
	}()
	found, err := contentOf(db)
	if err != nil {
		return err
	}
	said, err := ask(db)
	if err != nil {
		return err
	}
	if !found.equal(c.content) || !reflect.DeepEqual(said, c.answers) {
		return crashtest.Violationf("the store restored at LSN %d is not what the one that was backed up was", c.moment.LSN)
	}
	return nil
}

func momentsOf(t testing.TB) []*copiedMoment {
	t.Helper()
	moments, err := copiedMoments()
	require.NoError(t, err)
	return moments
}
