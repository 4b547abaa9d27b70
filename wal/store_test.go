package wal_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

const (
	storeDir  = "/store"
	walDir    = storeDir + "/wal"
	fileBytes = 32 << 10
	manifest  = "MANIFEST"
)

var storeID = [16]byte{0x5e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// item is what a test store keeps: a record whose content follows from its number and size.
type item struct{ id, size int }

func (it item) payload() []byte {
	p := make([]byte, max(4, it.size)+7)
	binary.LittleEndian.PutUint32(p, uint32(it.id))
	r := rand.NewPCG(uint64(it.id), 77)
	for i := 4; i < it.size; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], r.Uint64())
	}
	return p[:max(4, it.size)]
}

func (it item) kind() uint8 { return uint8(1 + it.id%wal.TypeMax) }

// store is the smallest store that uses a log as it is meant to be used: memory is what was replayed and published, and a
// checkpoint is a manifest with all of it.
type store struct {
	disk   *simdisk.Disk
	ledger *ledger
	log    *wal.Log

	// Guarded by mu.
	mu     sync.Mutex
	memory []int // ids, in the order of the log
	last   uint64
	errs   []error
}

// ledger is what the clients of a store know in one life of the machine.
type ledger struct {
	run *crashtest.Run[item]

	// Guarded by mu.
	mu    sync.Mutex
	known map[int]crashtest.Outcome
}

func newLedger(run *crashtest.Run[item]) *ledger {
	l := &ledger{run: run, known: map[int]crashtest.Outcome{}}
	for _, fact := range run.Earlier() {
		l.known[fact.Value.id] = fact.Outcome
	}
	return l
}

func (l *ledger) set(id int, outcome crashtest.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[id] = outcome
}

// storedManifest is the content of the manifest.
type storedManifest struct {
	Position wal.Position
	Items    []int
}

// openStore opens a store and holds what it finds against the ledger.
func openStore(disk *simdisk.Disk, l *ledger, opts wal.Options) (*store, error) {
	s := &store{disk: disk, ledger: l}
	if err := disk.MkdirAll(storeDir); err != nil {
		return nil, err
	}
	if err := disk.SyncDir("/"); err != nil {
		return nil, err
	}
	var m storedManifest
	data, err := vfs.ReadFile(disk, storeDir+"/"+manifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, crashtest.Violationf("manifest: %w", err)
		}
	}
	s.memory, s.last = m.Items, m.Position.LSN
	if opts.IdleMark == 0 {
		opts.IdleMark = time.Hour // Operations must not depend on the time.
	}
	opts.FS, opts.StoreID, opts.FileBytes, opts.Checkpoint, opts.OnError = disk, storeID, fileBytes, m.Position, s.report
	log, _, err := wal.Open(walDir, opts, s.replay)
	if err != nil {
		return nil, err
	}
	s.log = log
	err = log.Err() // What was replayed may not be on the disk then.
	if err == nil {
		err = s.compare()
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return s, nil
}

func (s *store) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
}

func (s *store) replay(r wal.Record) error {
	s.last++
	if r.LSN != s.last {
		return crashtest.Violationf("record %d where %d was due", r.LSN, s.last)
	}
	if len(r.Payload) < 4 {
		return crashtest.Violationf("record %d was never sent: %x", r.LSN, r.Payload)
	}
	it := item{int(binary.LittleEndian.Uint32(r.Payload)), len(r.Payload)}
	if string(r.Payload) != string(it.payload()) || r.Type != it.kind() {
		return crashtest.Violationf("record %d has another content than item %d", r.LSN, it.id)
	}
	s.memory = append(s.memory, it.id)
	return nil
}

// compare holds the memory after recovery against what was asked for: everything acknowledged is there, nothing refused,
// nothing twice and nothing else.
func (s *store) compare() error {
	count := make(map[int]int)
	for _, id := range s.memory {
		if count[id]++; count[id] > 1 {
			return crashtest.Violationf("item %d is there twice", id)
		}
	}
	for id, outcome := range s.ledger.known {
		has := count[id] > 0
		if has && outcome == crashtest.Refused || !has && outcome == crashtest.Acknowledged {
			return crashtest.Violationf("item %d is %s, found: %v", id, outcome, has)
		}
		s.ledger.known[id] = crashtest.Refused
		if has {
			s.ledger.known[id] = crashtest.Acknowledged
		}
		delete(count, id)
	}
	for i, fact := range s.ledger.run.Earlier() {
		s.ledger.run.Settle(i, s.ledger.known[fact.Value.id] == crashtest.Acknowledged)
	}
	if len(count) > 0 {
		return crashtest.Violationf("items %v were never sent", count)
	}
	return nil
}

// append asks the store to keep an item.
func (s *store) append(it item) error {
	it.size = max(4, it.size)
	step := s.ledger.run.Begin(it)
	s.ledger.set(it.id, crashtest.Unknown)
	published := false
	err := s.log.Append(context.Background(), it.kind(), it.payload(), func(lsn uint64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last++
		if lsn != s.last {
			s.errs = append(s.errs, crashtest.Violationf("record %d published where %d was due", lsn, s.last))
		}
		s.memory = append(s.memory, it.id)
		published = true
	})
	switch {
	case err == nil && !published:
		return crashtest.Violationf("item %d acknowledged and not published", it.id)
	case err == nil:
		step.Acknowledge()
		s.ledger.set(it.id, crashtest.Acknowledged)
	case !errors.Is(err, wal.ErrOutcomeUnknown):
		step.Refuse()
		s.ledger.set(it.id, crashtest.Refused)
	}
	return err
}

// checkpoint stores the memory and truncates the log.
func (s *store) checkpoint() error {
	var m storedManifest
	err := s.log.Rotate(context.Background(), func(p wal.Position) {
		s.mu.Lock()
		defer s.mu.Unlock()
		m = storedManifest{p, append([]int(nil), s.memory...)}
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := vfs.WriteFileAtomic(s.disk, storeDir, manifest, data); err != nil {
		return err
	}
	return s.log.Truncate(m.Position)
}

// close closes the log and returns all that anybody would have noticed.
func (s *store) close() error {
	err := errors.Join(s.log.Err(), s.log.Close())
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(s.errs, err)...)
}
