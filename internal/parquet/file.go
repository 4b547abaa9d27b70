package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Classes of errors. Others are of the reader that the file comes from.
var (
	// ErrFile is a file that cannot be read: it is broken, or written in a way that is not known. The text says what.
	ErrFile = errors.New("the Parquet file")
	// ErrTooLarge is a file beyond the limits.
	ErrTooLarge = errors.New("the Parquet file")
)

var errBroken = fmt.Errorf("%w is broken", ErrFile)

// Limits bound what a file costs.
type Limits struct {
	// Bytes bounds the pages of all chosen leaves, decompressed, together, and Page each.
	Bytes, Page int64
	// Rows bounds the rows of the file.
	Rows int64
}

// levelsPerByte is how many levels may be read for each byte that is allowed: some bytes can stand for any number of them.
const levelsPerByte = 4

// File is a Parquet file.
type File struct {
	Root *Node

	file   io.ReaderAt
	size   int64
	limits Limits
	footer []byte
	groups []group
	// spent is how much the pages came to so far, levels how many were read.
	spent, levels int64
}

// group is a row group: of the chosen leaves, where each lies.
type group struct {
	rows   int64
	chunks []chunk
}

// chunk is the pages of a leaf in a row group.
type chunk struct {
	codec       Codec
	start, size int64
	// elsewhere and encrypted tell what is not read.
	elsewhere, encrypted bool
}

const (
	magic = "PAR1"
	// footerMax bounds a footer.
	footerMax = 256 << 20
)

// Open reads what a file says of itself.
func Open(file io.ReaderAt, size int64, limits Limits) (*File, error) {
	const tailBytes = 4 + len(magic)
	var start [len(magic)]byte
	var tail [tailBytes]byte
	if size < int64(len(magic)+tailBytes) {
		return nil, fmt.Errorf("%w is broken: it is too short to be one", ErrFile)
	}
	if err := readAt(file, start[:], 0); err != nil {
		return nil, err
	}
	if err := readAt(file, tail[:], size-int64(tailBytes)); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	switch end := string(tail[4:]); {
	case end == "PARE":
		return nil, fmt.Errorf("%w has a footer that is encrypted: write it without encryption", ErrFile)
	case string(start[:]) != magic:
		return nil, fmt.Errorf("%w is none: it does not begin with PAR1", ErrFile)
	case end != magic:
		return nil, fmt.Errorf("%w is broken: it is cut off, as it does not end with PAR1", ErrFile)
	case n > size-int64(len(magic)+tailBytes) || n > footerMax:
		return nil, fmt.Errorf("%w is broken: its footer does not lie inside of it", ErrFile)
	}
	f := &File{file: file, size: size, limits: limits, footer: make([]byte, n)}
	if err := readAt(file, f.footer, size-int64(tailBytes)-n); err != nil {
		return nil, err
	}
	var elements []element
	c := &compact{data: f.footer}
	c.structure(kindStruct, func(id int16, kind byte) bool {
		if id == 2 {
			elements = c.schema(kind)
		}
		return id == 2
	})
	if c.failed || len(elements) == 0 {
		return nil, fmt.Errorf("%w is broken: its footer cannot be read", ErrFile)
	}
	root, err := tree(elements)
	if err != nil {
		return nil, err
	}
	f.Root = root
	return f, nil
}

// readAt reads all of p.
func readAt(file io.ReaderAt, p []byte, at int64) error {
	n, err := file.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w is broken: it is shorter than it says", ErrFile)
	}
	return err
}

// Columns returns a reader of the rows of some leaves.
func (f *File) Columns(leaves []*Node) (*Columns, error) {
	wanted := make(map[int]int, len(leaves))
	for i, leaf := range leaves {
		wanted[leaf.order] = i
	}
	c := &compact{data: f.footer}
	rows := int64(0)
	c.structure(kindStruct, func(id int16, kind byte) bool {
		if id != 4 {
			return false
		}
		c.list(kind, func(kind byte) {
			g := c.group(kind, wanted)
			if g.rows < 0 {
				c.fail()
			}
			if rows += g.rows; g.rows > 0 {
				f.groups = append(f.groups, g)
			}
		})
		return true
	})
	f.footer = nil
	if c.failed || rows < 0 {
		return nil, fmt.Errorf("%w is broken: its footer cannot be read", ErrFile)
	}
	if rows > f.limits.Rows {
		return nil, fmt.Errorf("%w has %d rows; %d are allowed", ErrTooLarge, rows, f.limits.Rows)
	}
	columns := &Columns{file: f, Rows: rows, All: make([]*Column, len(leaves))}
	for i, leaf := range leaves {
		columns.All[i] = &Column{Node: leaf, file: f}
	}
	return columns, nil
}

// group reads a row group.
func (c *compact) group(kind byte, wanted map[int]int) group {
	g := group{chunks: make([]chunk, len(wanted))}
	order := 0
	c.structure(kind, func(id int16, kind byte) bool {
		switch id {
		case 1:
			c.list(kind, func(kind byte) {
				if i, ok := wanted[order]; ok {
					g.chunks[i] = c.chunk(kind)
				} else {
					c.skip(kind)
				}
				order++
			})
		case 3:
			g.rows = c.number(kind)
		default:
			return false
		}
		return true
	})
	return g
}

// chunk reads where the pages of a leaf are.
func (c *compact) chunk(kind byte) (to chunk) {
	var data, dictionary int64
	c.structure(kind, func(id int16, kind byte) bool {
		switch id {
		case 1:
			to.elsewhere = len(c.bytes(kind)) > 0
		case 3:
			c.structure(kind, func(id int16, kind byte) bool {
				switch id {
				case 4:
					to.codec = Codec(c.number(kind))
				case 7:
					to.size = c.number(kind)
				case 9:
					data = c.number(kind)
				case 11:
					dictionary = c.number(kind)
				default:
					return false
				}
				return true
			})
		case 8:
			to.encrypted = true
			return false
		default:
			return false
		}
		return true
	})
	if to.start = data; dictionary > 0 && dictionary < data {
		to.start = dictionary
	}
	return to
}
