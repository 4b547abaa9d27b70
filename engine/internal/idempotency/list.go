package idempotency

import (
	"encoding/binary"

	"github.com/residualdb/residual/internal/columns"
)

// entryBytesMin is the size of an entry of version 1, which has no count of replaced rows.
const entryBytesMin = 16 + 16 + 8 + 8 + 4 + 4

// AppendEntry appends an entry of a list of keys, see docs/format-pack.md.
func AppendEntry(dst []byte, e *Entry) []byte {
	dst = append(append(dst, e.Key[:]...), e.Hash[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, e.LSN)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.At))
	dst = binary.LittleEndian.AppendUint32(dst, e.Successful)
	dst = binary.LittleEndian.AppendUint32(dst, e.Quarantined)
	return binary.LittleEndian.AppendUint32(dst, e.Replaced)
}

// ReadEntries gives the entries of a list of a version to add.
func ReadEntries(c *columns.Cursor, version uint32, add func(Entry)) error {
	for range c.Count(entryBytesMin, "keys") {
		var e Entry
		copy(e.Key[:], c.Bytes(16))
		copy(e.Hash[:], c.Bytes(16))
		e.LSN, e.At = c.Uint64(), int64(c.Uint64())
		e.Successful, e.Quarantined = c.Uint32(), c.Uint32()
		if version > 1 {
			e.Replaced = c.Uint32()
		}
		if c.Err == nil {
			add(e)
		}
	}
	return c.End()
}
