package wal

import (
	"errors"
	"fmt"
	"time"

	"github.com/residualdb/residual/internal/vfs"
)

// errReserve is why a log file is not made although it would fit.
var errReserve = errors.New("free space is reserved for checkpoints")

// room makes a new file current that has room for a record of frame bytes. If that is impossible for now, records are
// refused until probe finds it possible.
func (w *writer) room(frame int64) error {
	if w.blocked != nil {
		return w.blocked
	}
	w.need = frame
	err := w.makeRoom()
	if err == nil || w.poison != nil {
		return err
	}
	w.block(err)
	return err
}

// block refuses records because of err, of class ErrNoSpace or ErrUnavailable, until probe succeeds.
func (w *writer) block(err error) {
	w.blocked = err
	w.probeDue = time.Now().Add(probeInterval)
	w.queue.block(err)
	w.opts.OnError(err)
}

// probe tries whether there is room again.
func (w *writer) probe(now time.Time) {
	err := w.makeRoom()
	switch {
	case w.poison != nil:
	case err != nil:
		w.probeDue = now.Add(probeInterval)
	default:
		w.blocked, w.probeDue = nil, time.Time{}
		w.queue.block(nil)
	}
}

// makeRoom sees to a current file with room for w.need bytes, on a disk with space left for a checkpoint.
func (w *writer) makeRoom() error {
	if w.cur == nil {
		return w.begin()
	}
	length := max(w.opts.FileBytes, fileSizeFor(w.need))
	fits := w.cur.off+w.need <= w.cur.limit
	if fits {
		length = 0
	}
	free, err := w.dir.fs.Free(w.dir.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if free < length+w.opts.FileBytes {
		return fmt.Errorf("%w: %w: %d bytes free", ErrNoSpace, errReserve, free)
	}
	if fits {
		return nil
	}
	return w.next(length)
}

// open makes the first file to write to, as part of Open. On a full disk, and on a disk that fails under a log that could
// be read, the log opens without it.
func (w *writer) open(readable bool) error {
	err := w.begin()
	switch {
	case errors.Is(err, ErrNoSpace):
		w.block(err)
		return nil
	case w.poison != nil && readable:
		return nil
	default:
		return err
	}
}

// begin makes the first file of this process to write to.
func (w *writer) begin() error {
	lf, crc, retry, err := w.start()
	if err != nil {
		return w.refused(retry, err)
	}
	w.crc = crc
	w.adopt(lf)
	return nil
}

func (w *writer) adopt(lf *logFile) {
	w.cur = lf
	w.files.setCurrent(lf.header.number, lf.off-fileHeaderSize)
}

// refused classifies an error of dir.build.
func (w *writer) refused(retry bool, err error) error {
	switch {
	case !retry, errors.Is(err, vfs.ErrTaken):
		w.check(err)
		return w.poison
	case vfs.IsNoSpace(err):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// next ends the current file and makes the one after it, length bytes long, the current one. The order is what recovery
// relies on: the old file is synced before the new one exists, the new one exists before the old one says so, and both
// before a record goes to the new one.
//
// The old file is synced once more than it seems to need: there are file systems that report a failed write one sync too
// late, and once the new file exists no restart writes the old one anew.
func (w *writer) next(length int64) error {
	err := w.sync()
	if err == nil {
		err = w.syncData()
	}
	if err != nil {
		w.check(err)
		return w.poison
	}
	old := w.cur
	lf, retry, err := w.dir.build(fileHeader{
		number:   old.header.number + 1,
		storeID:  w.opts.StoreID,
		firstLSN: w.lsn + 1,
		length:   length,
		prev:     facts{number: old.header.number, crc: w.crc, lsn: w.lsn, end: old.off},
	}, nil)
	if err != nil {
		return w.refused(retry, err)
	}
	if err := w.end(old); err != nil {
		w.check(errors.Join(err, lf.file.Close()))
		return w.poison
	}
	w.stats.rotations.Add(1)
	w.adopt(lf)
	return nil
}

// end writes the end record behind the last record of the current file. It is not part of the chain that goes on in the
// next file.
func (w *writer) end(old *logFile) error {
	crc, size := w.crc, old.off-fileHeaderSize
	if err := w.appendOwn(typeEnd, blockSize); err != nil {
		return err
	}
	w.crc = crc
	if err := w.syncData(); err != nil {
		return err
	}
	w.markDue = time.Time{}
	w.files.endCurrent(size)
	if err := old.file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", old.path, err)
	}
	return nil
}

// cut ends the current file, unless it is empty, and returns the position of the last record before the cut. On a full
// disk the next file is made as small as can be: a Cut is what leads to space again.
func (w *writer) cut() (Position, error) {
	if w.cur == nil {
		return Position{}, w.blocked
	}
	if w.cur.off == fileHeaderSize {
		p := w.cur.header.prev
		return Position{LSN: p.lsn, File: p.number, CRC: p.crc}, nil
	}
	length := w.opts.FileBytes
	if w.blocked != nil {
		length = fileBytesMin // what space there is, the checkpoint needs
	}
	err := w.next(length)
	if errors.Is(err, ErrNoSpace) {
		if w.blocked == nil {
			w.block(err)
		}
		err = w.next(fileBytesMin)
	}
	if err != nil {
		return Position{}, err
	}
	p := w.cur.header.prev
	return Position{LSN: p.lsn, File: p.number, CRC: p.crc}, nil
}
