package body

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/zeebo/xxh3"
)

// Hash makes the hash that tells the bodies sent under one idempotency key apart.
//
// It is SHA-256 over the data source, the format, and for each piece of the body its length and its XXH3 of 128 bits.
// That tells any two bodies apart that were not made to be alike; who makes such has only a key of their own to spoil.
// SHA-256 of the whole body would cost a sixth of taking an event in.
//
// The store keeps hashes for as long as keys: with another algorithm, requests of before repeated after it conflict.
type Hash struct{ pieces hash.Hash }

// NewHash begins the hash of a body for a data source in a format.
func NewHash(source, format string) *Hash {
	b := &Hash{pieces: sha256.New()}
	_, _ = io.WriteString(b.pieces, source+"\n"+format+"\n")
	return b
}

// Add hashes the next piece. Where a body is cut must depend on its bytes alone.
func (b *Hash) Add(piece []byte) {
	var sum [3 * 8]byte
	digest := xxh3.Hash128(piece)
	binary.LittleEndian.PutUint64(sum[:], uint64(len(piece)))
	binary.LittleEndian.PutUint64(sum[8:], digest.Lo)
	binary.LittleEndian.PutUint64(sum[16:], digest.Hi)
	b.pieces.Write(sum[:])
}

// Sum is the hash of what was added.
func (b *Hash) Sum() (sum [16]byte) {
	copy(sum[:], b.pieces.Sum(nil))
	return sum
}
