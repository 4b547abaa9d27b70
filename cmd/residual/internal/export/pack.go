package export

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// writeBytes is how much is written to a file at once.
const writeBytes = 256 << 10

// pack returns a writer of what the question has compressed. Closing it writes what is left, and does not close w.
func (q *Question) pack(w io.Writer) (io.WriteCloser, error) {
	buffer := bufio.NewWriterSize(w, writeBytes)
	switch q.Compression {
	case Gzip:
		return &packer{gzip.NewWriter(buffer), buffer}, nil
	case Zstd:
		packed, err := zstd.NewWriter(buffer, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindowBytes))
		if err != nil {
			return nil, err
		}
		return &packer{packed, buffer}, nil
	}
	return &packer{nil, buffer}, nil
}

// zstdWindowBytes bounds what an encoder holds; readers need as much.
const zstdWindowBytes = 1 << 20

// packer is a buffer with or without compression before it.
type packer struct {
	packed io.WriteCloser
	buffer *bufio.Writer
}

func (p *packer) Write(b []byte) (int, error) {
	if p.packed != nil {
		return p.packed.Write(b)
	}
	return p.buffer.Write(b)
}

func (p *packer) Close() error {
	var err error
	if p.packed != nil {
		err = p.packed.Close()
	}
	return errors.Join(err, p.buffer.Flush())
}
