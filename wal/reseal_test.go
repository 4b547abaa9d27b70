package wal

import "hash/crc32"

// resealFileHeader makes the checksum of a changed file header right.
func resealFileHeader(file []byte) {
	le.PutUint32(file[offFileCRC:], crc32.Checksum(file[:offFileCRC], castagnoli))
}

// resealRecord makes the checksums of a changed record right, whatever else is wrong with it. It returns the size of the
// record, or zero if it is longer than b.
func resealRecord(b []byte, seed uint32) int64 {
	if len(b) < recordHeaderSize || le.Uint32(b[offLen:]) > RecordBytesMax {
		return 0
	}
	size := frameSize(int(le.Uint32(b[offLen:])))
	if size > int64(len(b)) {
		return 0
	}
	headerCRC := crc32.Update(seed, castagnoli, b[offLen:offHeaderCRC])
	le.PutUint32(b[offHeaderCRC:], headerCRC)
	le.PutUint32(b[offCRC:], crc32.Update(headerCRC, castagnoli, b[recordHeaderSize:size]))
	return size
}
