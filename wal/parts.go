package wal

import (
	"errors"
	"fmt"

	"github.com/residualdb/residual/internal/vfs"
)

// Part is the beginning of a log file, up to the end of its last record or its end record. Zeros follow, up to the length that its
// header states: see [Complete].
type Part struct {
	Name  string
	Bytes int64
}

// Parts returns the log behind one position up to another, both of which Rotate has reported, and the later one last: the files
// between the two, and of the one behind them the header. None of these bytes changes any more. The caller keeps Truncate from
// running meanwhile; a copy of the parts, each made complete, is a log that opens with the first position as its checkpoint.
func (l *Log) Parts(from, to Position) ([]Part, error) {
	var parts []Part
	for number := from.File + 1; number <= to.File; number++ {
		part, err := l.dir.ended(number, l.storeID)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return append(parts, Part{logName(to.File + 1), fileHeaderSize}), nil
}

// ended returns the part of a log file that another one follows.
func (d dir) ended(number uint32, storeID [16]byte) (Part, error) {
	next, _, err := d.readHeader(number+1, storeID)
	if err != nil {
		return Part{}, err
	}
	return Part{logName(number), next.prev.end + blockSize}, nil // with the end record
}

// ReadParts reads a log that is not open, as Open would, and returns the parts behind a checkpoint without a torn tail.
// storeID and checkpoint are as in [Options].
func ReadParts(fsys vfs.FS, path string, storeID [16]byte, checkpoint Position) ([]Part, Contents, error) {
	d := dir{fsys, path}
	names, err := d.list(checkpoint)
	if err != nil {
		return nil, Contents{}, err
	}
	r := newReader(d, storeID, checkpoint)
	if err := r.log(names.logs); err != nil {
		return nil, Contents{}, err
	}
	var parts []Part
	for i, number := range names.logs {
		part := Part{logName(number), r.prev.end}
		if i < len(names.logs)-1 {
			if part, err = d.ended(number, storeID); err != nil {
				return nil, Contents{}, err
			}
		}
		parts = append(parts, part)
	}
	return parts, r.found, nil
}

// Complete extends the copy of a part with zeros to the length that its header states.
func Complete(f vfs.File) error {
	b := make([]byte, fileHeaderSize)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return errors.Join(errMagic, err)
	}
	h, err := decodeFileHeader(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	size, err := f.Size()
	if err != nil || size >= h.length {
		return err
	}
	return f.Truncate(h.length)
}
