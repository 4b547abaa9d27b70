package wal

import (
	"fmt"
	"runtime"
	"time"

	"github.com/residualdb/residual/internal/vfs"
)

// probeInterval is how often a full disk is tried again.
const probeInterval = 250 * time.Millisecond

// writer is the one goroutine that writes. It takes what is queued as one group, writes it, syncs it and hands it to the
// acknowledger; what is queued meanwhile is the next group.
type writer struct {
	// Immutable.
	opts  Options
	dir   dir
	seed  uint32
	queue *commitQueue
	out   chan<- *group
	files *fileList
	stats *counters

	// reopen makes the first file to write to: see recovery.reopen.
	reopen func() (lf *logFile, crc uint32, err error)

	// Owned by the goroutine.
	cur     *logFile // nil until reopen has succeeded
	lsn     uint64   // of the last record
	crc     uint32   // of the last record
	poison  error
	blocked error
	need    int64  // size of the record that did not fit when blocked was set
	scratch []byte // for records of the log's own

	// Owned by the goroutine: when what is due, zero if it is not.
	markDue  time.Time
	syncDue  time.Time
	probeDue time.Time
	timer    *time.Timer
}

// run writes until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.out)
	w.timer = time.NewTimer(time.Hour)
	defer w.timer.Stop()
	for {
		// Goroutines that are ready to run may append first and share the sync: with 64 clients 46 records share one
		// instead of 31 (BenchmarkGroup). On an idle machine there are none, and it costs nothing.
		runtime.Gosched()
		g, closing := w.queue.take()
		switch {
		case g != nil:
			w.write(g)
			w.queue.written(g)
			w.out <- g
		case closing:
			w.finish()
			return
		default:
			w.wait()
		}
		w.attend(time.Now())
	}
}

// wait returns when something is queued or due.
func (w *writer) wait() {
	var due time.Time
	for _, t := range [...]time.Time{w.markDue, w.syncDue, w.probeDue} {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if due.IsZero() {
		<-w.queue.wake
		return
	}
	w.timer.Reset(time.Until(due))
	select {
	case <-w.queue.wake:
	case <-w.timer.C:
	}
}

// attend does what is due.
func (w *writer) attend(now time.Time) {
	due := func(t time.Time) bool { return w.poison == nil && !t.IsZero() && !now.Before(t) }
	if due(w.syncDue) {
		w.check(w.sync())
	}
	if due(w.markDue) {
		w.check(w.mark())
	}
	if due(w.probeDue) {
		w.probe(now)
	}
}

// write writes a group and leaves in each entry what became of it.
func (w *writer) write(g *group) {
	w.stats.groups.Add(1)
	defer func(begin time.Time) { w.stats.writing.Add(int64(time.Since(begin))) }(time.Now())
	rest := g.entries
	for len(rest) > 0 && w.poison == nil {
		n := w.fitting(rest)
		switch {
		case n > 0:
			w.writeRun(g, rest[:n])
		case rest[0].rotated != nil:
			rest[0].pos, rest[0].err = w.rotate()
			n = 1
		default:
			if err := w.room(rest[0].end - rest[0].start); err != nil {
				fail(rest, err)
				n = len(rest)
			}
		}
		rest = rest[n:]
	}
	if w.poison != nil {
		fail(rest, w.poison)
	}
}

func fail(entries []entry, err error) {
	for i := range entries {
		entries[i].err = err
	}
}

// fitting returns how many of the entries, up to the next Rotate, fit the current file.
func (w *writer) fitting(entries []entry) int {
	if w.cur == nil {
		return 0
	}
	for i := range entries {
		e := &entries[i]
		if e.rotated != nil || w.cur.off+e.end-entries[0].start > w.cur.limit {
			return i
		}
	}
	return len(entries)
}

// writeRun writes entries that fit the current file, and syncs them if that is the policy.
func (w *writer) writeRun(g *group, run []entry) {
	bytes := uint64(0)
	for i := range run {
		e := &run[i]
		w.lsn++
		e.lsn = w.lsn
		w.crc = sealRecord(g.buf[e.start:e.end], w.header(e.kind, e.length), w.seed)
		bytes += uint64(e.length)
	}
	err := w.append(g.buf[run[0].start:run[len(run)-1].end])
	if err == nil && w.opts.Sync == SyncAlways {
		err = w.sync()
	}
	if w.check(err); err != nil {
		fail(run, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
		return
	}
	if w.opts.Sync == SyncInterval && w.syncDue.IsZero() {
		w.syncDue = time.Now().Add(w.opts.SyncInterval)
	}
	w.stats.records.Add(uint64(len(run)))
	w.stats.bytes.Add(bytes)
	w.stats.lsn.Store(w.lsn)
}

// header is the header of a record to be written next.
func (w *writer) header(kind uint8, length int) recordHeader {
	return recordHeader{
		length: uint32(length), lsn: w.lsn, prevCRC: w.crc, file: w.cur.header.number, syncedOff: w.cur.synced, kind: kind,
	}
}

// append writes whole records at the end of the current file.
func (w *writer) append(b []byte) error {
	if err := vfs.WriteFull(w.cur.file, b, w.cur.off); err != nil {
		return fmt.Errorf("write %s: %w", w.cur.path, err)
	}
	w.cur.off += int64(len(b))
	w.cur.marked = false
	w.files.set(&w.cur.header, w.cur.off-fileHeaderSize)
	return nil
}

// appendOwn writes a record of the log's own that is size bytes long.
func (w *writer) appendOwn(kind uint8, size int64) error {
	if int64(cap(w.scratch)) < size {
		w.scratch = make([]byte, 2*blockSize)
	}
	frame := w.scratch[:size]
	clear(frame)
	w.crc = sealRecord(frame, w.header(kind, int(size)-recordHeaderSize), w.seed)
	return w.append(frame)
}

// finish leaves a log that says of itself that it is whole.
func (w *writer) finish() {
	if w.poison == nil {
		w.check(w.sync())
	}
	if w.poison == nil {
		w.check(w.mark())
	}
	if w.cur != nil {
		if err := w.cur.file.Close(); err != nil {
			w.check(fmt.Errorf("close %s: %w", w.cur.path, err))
		}
	}
}

// check poisons the log if err is not nil: after a failed write or sync nobody knows what the disk has and what only the
// cache, and asking again would only ask the cache.
func (w *writer) check(err error) {
	if err == nil || w.poison != nil {
		return
	}
	w.poison = fmt.Errorf("%w: %w", ErrPoisoned, err)
	w.markDue, w.syncDue, w.probeDue = time.Time{}, time.Time{}, time.Time{}
	w.queue.poison(w.poison)
	w.opts.OnError(w.poison)
}
