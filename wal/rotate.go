package wal

import (
	"errors"
	"fmt"
	"time"
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
	lf, crc, err := w.reopen()
	if err != nil {
		return w.refused(err)
	}
	w.crc = crc
	w.adopt(lf)
	return nil
}

func (w *writer) adopt(lf *logFile) {
	w.cur = lf
	w.files.set(&lf.header, lf.off-fileHeaderSize)
}

// refused returns an error of dir.createFile if it may pass, and otherwise poisons the log.
func (w *writer) refused(err error) error {
	if isTransient(err) {
		return err
	}
	w.check(err)
	return w.poison
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
	lf, err := w.dir.createFile(fileHeader{
		number:   old.header.number + 1,
		storeID:  w.opts.StoreID,
		firstLSN: w.lsn + 1,
		length:   length,
		prev:     fileEnd{Position{LSN: w.lsn, File: old.header.number, CRC: w.crc}, old.off},
	}, nil)
	if err != nil {
		return w.refused(err)
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
	w.files.set(&old.header, size)
	if err := old.file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", old.path, err)
	}
	return nil
}

// rotate ends the current file, unless it is empty, and returns the position behind it. On a full disk the next file is
// made as small as can be: a Rotate is what leads to space again.
func (w *writer) rotate() (Position, error) {
	if w.cur == nil {
		return Position{}, w.blocked
	}
	if w.cur.off == fileHeaderSize {
		return w.cur.header.prev.Position, nil
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
	return w.cur.header.prev.Position, nil
}
