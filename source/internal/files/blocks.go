package files

import "io"

// Files that are read here and there are read in blocks, of which some are kept: a reader of Parquet goes through as many places at once
// as the file has columns.
const (
	blockBytes = 1 << 20
	blocksMax  = 16
)

// blocks reads a file here and there, of which ranges can be read. It is for one goroutine.
type blocks struct {
	size int64
	// read reads all of the bytes [from, from+len(p)).
	read func(p []byte, from int64) error

	kept []block // the one used last comes last
}

// block is a part of a file that begins at a multiple of blockBytes.
type block struct {
	at   int64
	data []byte
}

// ReadAt implements [io.ReaderAt]. What is longer than a block is not kept.
func (b *blocks) ReadAt(p []byte, at int64) (n int, err error) {
	if at >= b.size {
		return 0, io.EOF
	}
	if rest := b.size - at; int64(len(p)) > rest {
		p, err = p[:rest], io.EOF
	}
	if len(p) > blockBytes {
		if err := b.read(p, at); err != nil {
			return 0, err
		}
		return len(p), err
	}
	for n < len(p) {
		data, readErr := b.block((at + int64(n)) / blockBytes * blockBytes)
		if readErr != nil {
			return n, readErr
		}
		n += copy(p[n:], data[(at+int64(n))%blockBytes:])
	}
	return n, err
}

// block returns the block that begins at a place.
func (b *blocks) block(at int64) ([]byte, error) {
	for i := range b.kept {
		if b.kept[i].at == at {
			found := b.kept[i]
			copy(b.kept[i:], b.kept[i+1:])
			b.kept[len(b.kept)-1] = found
			return found.data, nil
		}
	}
	var data []byte
	if len(b.kept) == blocksMax {
		data = b.kept[0].data
		b.kept = b.kept[:copy(b.kept, b.kept[1:])]
	} else {
		data = make([]byte, blockBytes)
	}
	data = data[:min(blockBytes, b.size-at)]
	if err := b.read(data, at); err != nil {
		return nil, err
	}
	b.kept = append(b.kept, block{at, data})
	return data, nil
}
