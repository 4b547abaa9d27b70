package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// The log file, version 1. All integers are little-endian, all checksums CRC32C.
//
//	file   = header record* zeros
//	header = one block of 4096 bytes
//	record = header of 40 bytes, payload, zeros to a multiple of 8
//
// The checksum at the end of the file header starts from zero; those of the records start from the checksum of the
// store id, so that bytes inside a payload cannot pose as a record. docs/format-wal.md has the field tables.
const (
	formatVersion = 1
	blockSize     = 4096
	fileMagic     = "RESIDWAL"

	fileHeaderSize   = blockSize
	recordHeaderSize = 40
	recordAlign      = 8

	// RecordBytesMax is the largest payload of a record.
	RecordBytesMax = 64 << 20

	// TypeMax is the highest type a caller may give a record. Types above it are the log's own.
	TypeMax = 0xEF

	fileBytesMax = 1 << 40
)

// The log's own record types. They take no LSN but repeat that of the record before.
const (
	// typePad fills a group to a whole block. One that fills a block by itself is a sync mark: it testifies through
	// syncedOff that what is before it was synced.
	typePad uint8 = 0xFF

	// typeEnd says that the next log file exists.
	typeEnd uint8 = 0xFE

	// typeGap says that the LSNs up to its own are lost. Only Salvage writes it.
	typeGap uint8 = 0xFD
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// Reasons why bytes are not what they should be.
var (
	errMagic        = errors.New("not a log file")
	errFileChecksum = errors.New("file header checksum mismatch")
	errFileFields   = errors.New("file header contradicts itself")
	errHeader       = errors.New("record header checksum mismatch")
	errChecksum     = errors.New("record checksum mismatch")
)

// fileEnd is where a log file ends, as the header of the next one states it: the position between the two, and the offset
// behind the last record.
type fileEnd struct {
	Position

	end int64
}

// fileHeader is the first block of a log file.
type fileHeader struct {
	number   uint32
	storeID  [16]byte
	firstLSN uint64
	length   int64 // of the file when it was made: it is never shorter
	prev     fileEnd
}

// Offsets in the file header. Magic, version and checksum keep their places in every version.
const (
	offVersion  = 8
	offNumber   = 12
	offStoreID  = 16
	offFirstLSN = 32
	offLength   = 40
	offPrevFile = 48
	offPrevCRC  = 52
	offPrevLSN  = 56
	offPrevEnd  = 64
	offUnused   = 72
	offFileCRC  = fileHeaderSize - 4
)

// encode writes the header to b, which has fileHeaderSize bytes.
func (h *fileHeader) encode(b []byte) {
	b = b[:fileHeaderSize]
	clear(b)
	copy(b, fileMagic)
	le.PutUint32(b[offVersion:], formatVersion)
	le.PutUint32(b[offNumber:], h.number)
	copy(b[offStoreID:], h.storeID[:])
	le.PutUint64(b[offFirstLSN:], h.firstLSN)
	le.PutUint64(b[offLength:], uint64(h.length))
	le.PutUint32(b[offPrevFile:], h.prev.File)
	le.PutUint32(b[offPrevCRC:], h.prev.CRC)
	le.PutUint64(b[offPrevLSN:], h.prev.LSN)
	le.PutUint64(b[offPrevEnd:], uint64(h.prev.end))
	le.PutUint32(b[offFileCRC:], crc32.Checksum(b[:offFileCRC], castagnoli))
}

// decodeFileHeader reads the header in b, which has fileHeaderSize bytes. The error is of class ErrVersion for a header
// that is whole but newer.
func decodeFileHeader(b []byte) (fileHeader, error) {
	b = b[:fileHeaderSize]
	if string(b[:len(fileMagic)]) != fileMagic {
		return fileHeader{}, errMagic
	}
	if crc32.Checksum(b[:offFileCRC], castagnoli) != le.Uint32(b[offFileCRC:]) {
		return fileHeader{}, errFileChecksum
	}
	if v := le.Uint32(b[offVersion:]); v != formatVersion {
		return fileHeader{}, fmt.Errorf("%w: version %d", ErrVersion, v)
	}
	if !isZero(b[offUnused:offFileCRC]) {
		return fileHeader{}, fmt.Errorf("%w: unknown fields in the file header", ErrVersion)
	}
	h := fileHeader{
		number:   le.Uint32(b[offNumber:]),
		storeID:  [16]byte(b[offStoreID:]),
		firstLSN: le.Uint64(b[offFirstLSN:]),
		length:   int64(le.Uint64(b[offLength:])),
		prev: fileEnd{
			Position: Position{
				LSN:  le.Uint64(b[offPrevLSN:]),
				File: le.Uint32(b[offPrevFile:]),
				CRC:  le.Uint32(b[offPrevCRC:]),
			},
			end: int64(le.Uint64(b[offPrevEnd:])),
		},
	}
	if h.number == 0 || h.prev.File != h.number-1 || h.firstLSN != h.prev.LSN+1 ||
		h.length < fileHeaderSize || h.prev.end < 0 {
		return fileHeader{}, errFileFields
	}
	return h, nil
}

// recordHeader is the header of a record. It has a checksum of its own, the last field, so that a length or a testimony
// can be trusted when the payload is damaged. The first field is the checksum of header and payload: the own checksum
// continued over the payload. It leaves out the own checksum, because a CRC taken over data and the CRC of that data is
// the same whatever the data.
type recordHeader struct {
	length    uint32
	lsn       uint64
	prevCRC   uint32 // of the record before, across files
	file      uint32
	syncedOff int64 // what is before it in this file was on disk when the record was written
	kind      uint8
}

// Offsets in the record header.
const (
	offCRC       = 0
	offLen       = 4
	offLSN       = 8
	offPrev      = 16
	offFile      = 20
	offSynced    = 24
	offType      = 32
	offFlags     = 33
	offReserved  = 34
	offHeaderCRC = 36
)

// frameSize is the size of a record with a payload of n bytes.
func frameSize(n int) int64 {
	return (recordHeaderSize + int64(n) + recordAlign - 1) &^ (recordAlign - 1)
}

// zeros pad records, and are what an unwritten tail is compared with.
var zeros [4096]byte

// appendFrame appends a record whose header is still blank, for sealRecord.
func appendFrame(dst, payload []byte) []byte {
	size := int(frameSize(len(payload)))
	dst = slices.Grow(dst, size)
	dst = append(dst, zeros[:recordHeaderSize]...)
	dst = append(dst, payload...)
	return append(dst, zeros[:size-recordHeaderSize-len(payload)]...)
}

// blockUp rounds up to a multiple of the block size.
func blockUp(n int64) int64 { return (n + blockSize - 1) &^ (blockSize - 1) }

// padSize is the size of the pad record that fills the block at off, which is a multiple of 8. It is zero at the end of
// a block.
func padSize(off int64) int64 {
	n := -off & (blockSize - 1)
	if n > 0 && n < recordHeaderSize {
		n += blockSize
	}
	return n
}

// checksumSeed is where the checksums of a store's records start.
func checksumSeed(storeID [16]byte) uint32 { return crc32.Checksum(storeID[:], castagnoli) }

// sealRecord writes the header of the record in frame, whose payload and padding are in place, and returns its checksum.
func sealRecord(frame []byte, h recordHeader, seed uint32) uint32 {
	le.PutUint32(frame[offLen:], h.length)
	le.PutUint64(frame[offLSN:], h.lsn)
	le.PutUint32(frame[offPrev:], h.prevCRC)
	le.PutUint32(frame[offFile:], h.file)
	le.PutUint64(frame[offSynced:], uint64(h.syncedOff))
	frame[offType], frame[offFlags] = h.kind, 0
	le.PutUint16(frame[offReserved:], 0)
	headerCRC := crc32.Update(seed, castagnoli, frame[offLen:offHeaderCRC])
	le.PutUint32(frame[offHeaderCRC:], headerCRC)
	crc := crc32.Update(headerCRC, castagnoli, frame[recordHeaderSize:])
	le.PutUint32(frame[offCRC:], crc)
	return crc
}

// decodeRecordHeader reads the record header at the start of b, which has at least recordHeaderSize bytes. The error is
// of class ErrVersion for one that is whole but newer.
func decodeRecordHeader(b []byte, seed uint32) (recordHeader, error) {
	b = b[:recordHeaderSize]
	if crc32.Update(seed, castagnoli, b[offLen:offHeaderCRC]) != le.Uint32(b[offHeaderCRC:]) {
		return recordHeader{}, errHeader
	}
	h := recordHeader{
		length:    le.Uint32(b[offLen:]),
		lsn:       le.Uint64(b[offLSN:]),
		prevCRC:   le.Uint32(b[offPrev:]),
		file:      le.Uint32(b[offFile:]),
		syncedOff: int64(le.Uint64(b[offSynced:])),
		kind:      b[offType],
	}
	switch {
	case h.kind == 0 || h.kind > TypeMax && h.kind < typeGap:
		return recordHeader{}, fmt.Errorf("%w: record type %#x", ErrVersion, h.kind)
	case b[offFlags] != 0 || le.Uint16(b[offReserved:]) != 0:
		return recordHeader{}, fmt.Errorf("%w: unknown fields in a record header", ErrVersion)
	}
	return h, nil
}

// checkRecord verifies the checksum of the whole record in frame, whose header decodes.
func checkRecord(frame []byte) error {
	if crc32.Update(le.Uint32(frame[offHeaderCRC:]), castagnoli, frame[recordHeaderSize:]) != recordCRC(frame) {
		return errChecksum
	}
	return nil
}

func recordCRC(frame []byte) uint32 { return le.Uint32(frame[offCRC:]) }

// isZero compares with zeros at once: the tail of a log after a crash is up to all of a preallocated file, and a loop over
// its words takes 3.5 times as long.
func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}
