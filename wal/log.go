package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// groupsSynced bounds the groups between the writer and the acknowledger: where publishing is slower than the disk the
// writer stops, and the queue fills up.
const groupsSynced = 16

// Log is an open log. It is safe for concurrent use.
type Log struct {
	// Immutable.
	dir       dir
	storeID   [16]byte
	queue     *commitQueue
	files     *fileList
	stats     *counters
	tornBytes int64

	running    sync.WaitGroup
	closing    sync.Once
	truncating sync.Mutex // held by Truncate
}

// Position is the place between two log files, as Rotate reports it. A caller that has stored what comes before it
// elsewhere keeps it as the position of its checkpoint. The zero Position is the beginning.
type Position struct {
	LSN  uint64 // of the last record before it
	File uint32 // of the last log file before it
	CRC  uint32 // of the last record of that file
}

// Record is a record that is replayed.
type Record struct {
	LSN     uint64
	Type    uint8
	Payload []byte // valid during the call
}

// Open opens the log in a directory, making it if there is none, and calls replay, which may be nil, for each record
// behind opts.Checkpoint in the order of the log. Damage that a crash cannot explain is refused with ErrCorrupt,
// ErrForeign or ErrVersion, and the directory is left as it was. An error of replay ends Open with that error.
//
// The log may come back unable to take records, see [Log.Err]: with ErrNoSpace, which passes, or with ErrPoisoned, if
// what was read could not be written anew and so may be in the cache alone.
//
// One directory must not be opened twice at a time; the caller locks it.
func Open(path string, opts Options, replay func(Record) error) (*Log, Recovered, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, Recovered{}, err
	}
	if replay == nil {
		replay = func(Record) error { return nil }
	}
	began := time.Now()
	r, err := recoverLog(dir{opts.FS, path}, opts, replay)
	if err != nil {
		return nil, Recovered{}, err
	}
	l := &Log{
		dir: r.dir, storeID: opts.StoreID, queue: newCommitQueue(opts.QueueBytes), files: r.files, stats: &counters{}, tornBytes: r.found.TornBytes,
	}
	l.stats.lsn.Store(r.end.LSN)
	groups := make(chan *group, groupsSynced)
	w := &writer{
		opts: opts, dir: r.dir, seed: checksumSeed(opts.StoreID), queue: l.queue, out: groups, files: r.files, stats: l.stats,
		reopen: r.reopen, lsn: r.end.LSN, crc: r.end.CRC,
	}
	if err := w.open(r.header.number > 0); err != nil {
		return nil, Recovered{}, err
	}
	l.start(opts.OnStart, w.run)
	a := &acknowledger{in: groups, queue: l.queue}
	l.start(opts.OnStart, a.run)
	r.found.Duration = time.Since(began)
	return l, r.found, nil
}

// start runs a goroutine of the log, which Close waits for.
func (l *Log) start(first, run func()) {
	l.running.Go(func() {
		first()
		run()
	})
}

// Append writes a record and returns once it is as durable as the policy has it and publish has returned. The payload is
// copied before Append waits. publish, which may be nil, runs on a goroutine of the log, for one record at a time, in
// the order of the log, and only for records that are as durable. It must not Append, Rotate or Close; Size, Err and Stats
// are allowed. It also runs if the context ended meanwhile, after Append has returned ErrOutcomeUnknown.
//
// With any other error nothing was written.
func (l *Log) Append(ctx context.Context, typ uint8, payload []byte, publish func(lsn uint64)) error {
	switch {
	case len(payload) > RecordBytesMax:
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(payload))
	case typ == 0 || typ > TypeMax:
		return fmt.Errorf("%w: %#x", ErrType, typ)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	done := make(chan error, 1)
	if err := l.queue.add(entry{done: done, kind: typ, publish: publish}, payload); err != nil {
		return err
	}
	return wait(ctx, done)
}

// Rotate ends the current log file, so that everything up to the position behind it can be truncated later, and calls
// rotated with that position on the goroutine of publish: after every record before it was published, and before any
// behind it. It works on a full disk.
func (l *Log) Rotate(ctx context.Context, rotated func(Position)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if rotated == nil {
		rotated = func(Position) {}
	}
	done := make(chan error, 1)
	if err := l.queue.addRotate(entry{done: done, rotated: rotated}); err != nil {
		return err
	}
	return wait(ctx, done)
}

func wait(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	}
}

// Truncate deletes the log files up to a position that Rotate has reported. The caller has made durable before that it
// will open the log with this position, or a later one, as its checkpoint. So it does no harm if a crash brings files
// back, and the directory is not synced for them.
func (l *Log) Truncate(pos Position) error {
	l.truncating.Lock()
	defer l.truncating.Unlock()
	for {
		number, ok := l.files.oldest(pos.File)
		if !ok {
			return nil
		}
		if err := l.dir.fs.Remove(l.dir.join(logName(number))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.files.dropOldest()
	}
}

// Size returns the bytes of records in the log, with their headers and padding: what a restart has to read.
func (l *Log) Size() int64 {
	_, _, bytes := l.files.size()
	return bytes
}

// FileBytes returns how long the log files are, with what of them is not used yet.
func (l *Log) FileBytes() int64 {
	_, length, _ := l.files.size()
	return length
}

// Err returns why the log takes no records at present: an error of class ErrNoSpace, ErrUnavailable or ErrFull, which pass
// by themselves, ErrPoisoned, which does not, or ErrClosed. Append and Err ask the same.
func (l *Log) Err() error { return l.queue.err() }

// Stats returns counters and gauges.
func (l *Log) Stats() Stats {
	files, _, bytes := l.files.size()
	return Stats{
		Records:    l.stats.records.Load(),
		Bytes:      l.stats.bytes.Load(),
		Groups:     l.stats.groups.Load(),
		Rotations:  l.stats.rotations.Load(),
		Writing:    time.Duration(l.stats.writing.Load()),
		Syncs:      l.stats.syncSeconds.snapshot(),
		TornBytes:  l.tornBytes,
		LastLSN:    l.stats.lsn.Load(),
		Files:      files,
		LogBytes:   bytes,
		QueueBytes: l.queue.size(),
	}
}

// Close waits until what is queued is written, synced and published, and closes the log. It returns what poisoned the
// log, if anything did.
func (l *Log) Close() error {
	l.closing.Do(l.queue.close)
	l.running.Wait()
	if err := l.queue.err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}
