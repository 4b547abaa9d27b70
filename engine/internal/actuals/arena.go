package actuals

import (
	"encoding/binary"
	"slices"
)

// nameRef is where the names of an entry are: the piece of the arena in the upper half, the place there in the lower.
type nameRef = uint32

// pieceBytes is the size of a piece of an arena. The names of an entry, behind its number, are within one.
const pieceBytes = 1 << 16

// arena holds names in pieces. What is written in a piece never changes; a piece goes once nothing in it is used.
type arena struct {
	// pieces are nil where there is none. One holds for every entry its number, u32, the size of its names, u16, and these.
	pieces [][]byte
	live   []int    // bytes of each piece that are used
	free   []uint32 // numbers of pieces that there are not
	open   uint32   // the piece that is written to
	total  int      // pieces that there are
	used   int      // bytes of all that are used
	grown  bool     // a piece was begun by the last add
}

// headBytes come before the names of an entry.
const headBytes = 4 + 2

// add writes the names of an entry.
func (a *arena) add(n uint32, names ...[]byte) nameRef {
	size := headBytes
	for _, name := range names {
		size += len(name)
	}
	a.grown = false
	if a.total == 0 || len(a.pieces[a.open])+size > pieceBytes {
		a.begin()
	}
	b := a.pieces[a.open]
	at := a.open<<16 | uint32(len(b))
	b = binary.LittleEndian.AppendUint32(b, n)
	b = binary.LittleEndian.AppendUint16(b, uint16(size-headBytes))
	for _, name := range names {
		b = append(b, name...)
	}
	a.pieces[a.open] = b
	a.live[a.open] += size
	a.used += size
	return at
}

// begin begins another piece.
func (a *arena) begin() {
	fresh := make([]byte, 0, pieceBytes)
	a.total++
	a.grown = true
	if n := len(a.free); n > 0 {
		a.open = a.free[n-1]
		a.free = a.free[:n-1]
		a.pieces[a.open] = fresh
		return
	}
	if len(a.pieces) == 1<<16 {
		panic("BUG: more names of actuals than have numbers")
	}
	a.open = uint32(len(a.pieces))
	a.pieces, a.live = append(a.pieces, fresh), append(a.live, 0)
}

// bytes returns the names of an entry, of a size together.
func (a *arena) bytes(at nameRef, size int) []byte {
	from := int(at&(pieceBytes-1)) + headBytes
	return a.pieces[at>>16][from : from+size : from+size]
}

// drop gives up the names of an entry.
func (a *arena) drop(at nameRef, size int) {
	piece := at >> 16
	a.live[piece] -= headBytes + size
	a.used -= headBytes + size
	if a.live[piece] == 0 && piece != a.open {
		a.end(piece)
	}
}

func (a *arena) end(piece uint32) {
	a.pieces[piece] = nil
	a.free = append(a.free, piece)
	a.total--
}

// sparse returns the piece that has the least used, if a piece was begun just now and a quarter of all is garbage.
func (a *arena) sparse() (piece uint32, ok bool) {
	const few = 4
	if !a.grown || a.total <= few || a.used > (a.total-few)*pieceBytes/4*3 {
		return 0, false
	}
	least := pieceBytes + 1
	for i, live := range a.live {
		if a.pieces[i] != nil && uint32(i) != a.open && live < least {
			piece, least, ok = uint32(i), live, true
		}
	}
	return piece, ok
}

// evacuate moves what is used of a piece to others, and ends it. used tells of an entry, by its number, whether its
// names are those at a place; moved is told where they went.
func (a *arena) evacuate(piece uint32, used func(n uint32, at nameRef) bool, moved func(n uint32, to nameRef)) {
	b := a.pieces[piece]
	for at := 0; at < len(b); {
		n, size := binary.LittleEndian.Uint32(b[at:]), int(binary.LittleEndian.Uint16(b[at+4:]))
		if used(n, piece<<16|uint32(at)) {
			to := a.add(n, b[at+headBytes:at+headBytes+size])
			a.drop(piece<<16|uint32(at), size)
			moved(n, to)
		}
		at += headBytes + size
	}
}

// share returns the arena as it is now, for reading.
func (a *arena) share() arena { return arena{pieces: slices.Clone(a.pieces)} }
