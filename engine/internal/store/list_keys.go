package store

import (
	"encoding/binary"

	"github.com/residualdb/residual/engine/internal/idempotency"
)

// keyEntryBytesMin is the size of an entry of version 1, which has no count of replaced rows.
const keyEntryBytesMin = 16 + 16 + 8 + 8 + 4 + 4

func EncodeKeys(store [16]byte, entries []idempotency.Entry) []byte {
	dst := ListHeader(store, ListKeys, len(entries))
	for _, e := range entries {
		dst = append(append(dst, e.Key[:]...), e.Hash[:]...)
		dst = binary.LittleEndian.AppendUint64(dst, e.LSN)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.At))
		dst = binary.LittleEndian.AppendUint32(dst, e.Successful)
		dst = binary.LittleEndian.AppendUint32(dst, e.Quarantined)
		dst = binary.LittleEndian.AppendUint32(dst, e.Replaced)
	}
	return dst
}

func DecodeKeys(c *List, add func(idempotency.Entry)) error {
	for range c.Count(keyEntryBytesMin, "keys") {
		var e idempotency.Entry
		copy(e.Key[:], c.Bytes(16, "key"))
		copy(e.Hash[:], c.Bytes(16, "hash"))
		e.LSN, e.At = c.Uint64("LSN"), int64(c.Uint64("time"))
		e.Successful, e.Quarantined = c.Uint32("rows"), c.Uint32("rejects")
		if c.Version > 1 {
			e.Replaced = c.Uint32("replaced rows")
		}
		if c.Err == nil {
			add(e)
		}
	}
	return c.End("a list of keys")
}
