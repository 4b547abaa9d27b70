package simdisk

const (
	// sectorBytes is what a drive writes as a whole.
	sectorBytes = 512

	// pageBytes is the unit of sharing between images, and of allocation.
	pageBytes   = 4096
	pageSectors = pageBytes / sectorBytes

	// leafPages is small because changing a page copies its leaf and the root, and most files in tests have few leaves.
	leafPages = 64
)

type (
	page [pageBytes]byte
	leaf [leafPages]*page
)

// image is an immutable, sparse sequence of bytes without end: a nil page or leaf is zeros. Images share all pages in
// which they do not differ, so keeping the image of every moment of a disk costs what was written to it and no more.
type image struct{ leaves []*leaf }

func (m image) page(i int64) *page {
	l := i / leafPages
	if l >= int64(len(m.leaves)) || m.leaves[l] == nil {
		return nil
	}
	return m.leaves[l][i%leafPages]
}

// sector returns the bytes of sector i, or nil for zeros.
func (m image) sector(i int64) []byte {
	p := m.page(i / pageSectors)
	if p == nil {
		return nil
	}
	at := i % pageSectors * sectorBytes
	return p[at : at+sectorBytes]
}

func (m image) readAt(dst []byte, off int64) {
	for len(dst) > 0 {
		at := off % pageBytes
		n := min(pageBytes-at, int64(len(dst)))
		if p := m.page(off / pageBytes); p != nil {
			copy(dst[:n], p[at:])
		} else {
			clear(dst[:n])
		}
		dst, off = dst[n:], off+n
	}
}

func (m image) writeAt(src []byte, off int64) image {
	e := m.edit()
	for len(src) > 0 {
		at := off % pageBytes
		n := min(pageBytes-at, int64(len(src)))
		fresh := new(page)
		if old := e.page(off / pageBytes); old != nil && n < pageBytes {
			*fresh = *old
		}
		copy(fresh[at:], src[:n])
		e.set(off/pageBytes, fresh)
		src, off = src[n:], off+n
	}
	return e.image
}

// cut returns the image with zeros from size on.
func (m image) cut(size int64) image {
	pages := (size + pageBytes - 1) / pageBytes
	leaves := (pages + leafPages - 1) / leafPages
	if leaves < int64(len(m.leaves)) {
		m.leaves = m.leaves[:leaves:leaves]
	}
	e := m.edit()
	for i := pages; i < int64(len(m.leaves))*leafPages; i++ {
		if e.page(i) != nil {
			e.set(i, nil)
		}
	}
	if last := e.page(size / pageBytes); last != nil && size%pageBytes != 0 {
		fresh := *last
		clear(fresh[size%pageBytes:])
		e.set(size/pageBytes, &fresh)
	}
	return e.image
}

func (m image) edit() editor { return editor{image: m, owned: -1} }

// editor derives one image from another. It copies the root once, and a leaf once per run of changes within it.
type editor struct {
	image

	// rooted tells that the root is this editor's own; owned is the leaf that is, or -1.
	rooted bool
	owned  int64
}

func (e *editor) set(i int64, p *page) {
	l := i / leafPages
	if !e.rooted {
		grown := make([]*leaf, max(int64(len(e.leaves)), l+1))
		copy(grown, e.leaves)
		e.leaves, e.rooted = grown, true
	}
	if l >= int64(len(e.leaves)) {
		e.leaves = append(e.leaves, make([]*leaf, l+1-int64(len(e.leaves)))...)
	}
	if e.owned != l {
		fresh := new(leaf)
		if old := e.leaves[l]; old != nil {
			*fresh = *old
		}
		e.leaves[l], e.owned = fresh, l
	}
	e.leaves[l][i%leafPages] = p
}

// flipped returns the image with the bits of mask flipped in one byte.
func (m image) flipped(off int64, mask byte) image {
	var b [1]byte
	m.readAt(b[:], off)
	return m.writeAt([]byte{b[0] ^ mask}, off)
}
