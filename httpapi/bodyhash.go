package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"hash"
	"io"
)

// bodyHasher makes the hashes that tell the bodies sent under one idempotency key apart. It is safe for concurrent
// use.
//
// A hash is SHA-256 over the data source, the format, and a GMAC of each piece of the body under a key that is no
// secret. That finds any difference that is not made to be missed; who makes one has only their own key to spoil.
// SHA-256 of the whole body would cost four times as much (BenchmarkEvents/key=true), near a sixth of taking an event
// in.
//
// The store keeps hashes for as long as keys: with another algorithm, requests of before repeated after it conflict.
type bodyHasher struct {
	mac cipher.AEAD
}

func newBodyHasher() bodyHasher {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	mac, err := cipher.NewGCM(block)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return bodyHasher{mac: mac}
}

// bodyHash is the hash of one body.
type bodyHash struct {
	hasher bodyHasher
	pieces hash.Hash
	tag    [16]byte
}

// start begins the hash of a body for a data source in a format.
func (h bodyHasher) start(source, format string) *bodyHash {
	b := &bodyHash{hasher: h, pieces: sha256.New()}
	_, _ = io.WriteString(b.pieces, source+"\n"+format+"\n")
	return b
}

// add hashes the next piece. Where a body is cut must depend on its bytes alone.
func (b *bodyHash) add(piece []byte) {
	var nonce [12]byte
	b.pieces.Write(b.hasher.mac.Seal(b.tag[:0], nonce[:], nil, piece))
}

func (b *bodyHash) sum() (sum [16]byte) {
	copy(sum[:], b.pieces.Sum(nil))
	return sum
}
