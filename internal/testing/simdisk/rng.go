package simdisk

import "encoding/binary"

// rng is SplitMix64: one word of state, so that a crash state costs nothing to seed, and every seed, zero too, is good.
type rng uint64

const golden = 0x9e3779b97f4a7c15

func (r *rng) next() uint64 {
	*r += golden
	return mix(uint64(*r))
}

// below returns a number in [0, n). Its bias is n/2^64. n > 0.
func (r *rng) below(n int) int { return int(r.next() % uint64(n)) }

func (r *rng) fill(p []byte) {
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, r.next())
		p = p[8:]
	}
	for i := range p {
		p[i] = byte(r.next())
	}
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
