package wal

import (
	"bufio"
	"io"

	"github.com/residualdb/residual/internal/vfs"
)

// fileBuilder writes the records of a log file that replaces another one. It belongs to one goroutine.
type fileBuilder struct {
	out    *bufio.Writer
	seed   uint32
	number uint32
	frame  []byte // the record that is being made

	// The end of what was written.
	off    int64
	lsn    uint64
	crc    uint32
	marked bool // the last record is a sync mark, or there is none
}

func newFileBuilder(f vfs.File, h fileHeader) *fileBuilder {
	return &fileBuilder{
		out:  bufio.NewWriterSize(io.NewOffsetWriter(f, fileHeaderSize), scanChunk),
		seed: checksumSeed(h.storeID), number: h.number,
		off: fileHeaderSize, lsn: h.prev.LSN, crc: h.prev.CRC, marked: true,
	}
}

// copy takes over the record that a scanner has just read, as it is.
func (b *fileBuilder) copy(f frame, s *scanner) error {
	b.lsn, b.crc, b.marked = s.lsn, s.crc, s.marked
	return b.write(f.raw)
}

// add writes a new record, which testifies that what is before syncedOff is on disk.
func (b *fileBuilder) add(kind uint8, lsn uint64, syncedOff int64, payload []byte) error {
	b.frame = appendFrame(b.frame[:0], payload)
	b.crc = sealRecord(b.frame, recordHeader{
		length: uint32(len(payload)), lsn: lsn, prevCRC: b.crc, file: b.number, syncedOff: syncedOff, kind: kind,
	}, b.seed)
	b.lsn, b.marked = lsn, false
	return b.write(b.frame)
}

func (b *fileBuilder) write(frame []byte) error {
	b.off += int64(len(frame))
	_, err := b.out.Write(frame)
	return err
}

// finish fills the last block with a record that testifies to all before it. That is true from the moment that the file
// has its name, which it gets only once it is synced.
func (b *fileBuilder) finish() error {
	n := padSize(b.off)
	if n == 0 && !b.marked {
		n = blockSize
	}
	if n > 0 {
		if err := b.add(typePad, b.lsn, b.off, make([]byte, n-recordHeaderSize)); err != nil {
			return err
		}
	}
	return b.out.Flush()
}
