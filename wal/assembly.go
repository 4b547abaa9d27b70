package wal

import "github.com/residualdb/residual/internal/vfs"

// assembly writes the records of a log file that is being built.
type assembly struct {
	file   vfs.File
	seed   uint32
	number uint32

	out    []byte // not yet written
	outOff int64
	lsn    uint64
	crc    uint32
	marked bool
}

func newAssembly(f vfs.File, h fileHeader) *assembly {
	return &assembly{
		file: f, seed: checksumSeed(h.storeID), number: h.number,
		outOff: fileHeaderSize, lsn: h.prev.lsn, crc: h.prev.crc, marked: true,
	}
}

// end is the offset behind the last record.
func (a *assembly) end() int64 { return a.outOff + int64(len(a.out)) }

// copy takes over the record that a scanner has just read, as it is.
func (a *assembly) copy(f frame, s *scanner) error {
	if err := a.reserve(len(f.raw)); err != nil {
		return err
	}
	a.out = append(a.out, f.raw...)
	a.lsn, a.crc, a.marked = s.lsn, s.crc, s.marked
	return nil
}

// add writes a record.
func (a *assembly) add(kind uint8, lsn uint64, payload []byte) error {
	size := frameSize(len(payload))
	if err := a.reserve(int(size)); err != nil {
		return err
	}
	at := len(a.out)
	a.out = append(a.out, recordHeaderBlank[:recordHeaderSize]...)
	a.out = append(a.out, payload...)
	a.out = append(a.out, recordHeaderBlank[:at+int(size)-len(a.out)]...)
	a.seal(a.out[at:], recordHeader{length: uint32(len(payload)), lsn: lsn, syncedOff: fileHeaderSize, kind: kind})
	return nil
}

func (a *assembly) seal(frame []byte, h recordHeader) {
	h.prevCRC, h.file = a.crc, a.number
	a.lsn, a.crc, a.marked = h.lsn, sealRecord(frame, h, a.seed), false
}

// reserve writes out what is there if n more bytes would make it large.
func (a *assembly) reserve(n int) error {
	if len(a.out) == 0 || len(a.out)+n <= scanChunk {
		return nil
	}
	return a.flush()
}

func (a *assembly) flush() error {
	err := vfs.WriteFull(a.file, a.out, a.outOff)
	a.outOff, a.out = a.end(), a.out[:0]
	return err
}

// finish fills the last block with a record that testifies to all before it. That is true from the moment that the file
// has its name, which it gets only once it is synced.
func (a *assembly) finish() error {
	end := a.end()
	n := padSize(end)
	if n == 0 && a.marked {
		return a.flush()
	}
	if n == 0 {
		n = blockSize
	}
	if err := a.reserve(int(n)); err != nil {
		return err
	}
	a.out = append(a.out, make([]byte, n)...)
	a.seal(a.out[len(a.out)-int(n):], recordHeader{
		length: uint32(n - recordHeaderSize), lsn: a.lsn, syncedOff: end, kind: typePad,
	})
	return a.flush()
}
