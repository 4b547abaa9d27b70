package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
)

// copyChunk is how much of a file is in memory while it is copied.
const copyChunk = 256 << 10

// copier copies the files of a moment to where they have names, and reads them back. It is for one goroutine.
type copier struct {
	to    Place
	chunk []byte
	// progress is told the bytes that were copied or need not be.
	progress func(bytes int64)
}

func newCopier(to Place, progress func(int64)) *copier {
	if progress == nil {
		progress = func(int64) {}
	}
	return &copier{to: to, chunk: make([]byte, copyChunk), progress: progress}
}

// file puts what open yields, size bytes, under a name, and returns their sum.
func (c *copier) file(ctx context.Context, name string, size int64, open func() (io.ReadCloser, error)) (sum uint32, err error) {
	err = c.to.Put(name, func(w io.Writer) (err error) {
		src, err := open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, src.Close()) }()
		read := &summing{ctx: ctx, src: io.LimitReader(src, size+1), sum: newSum(), read: c.progress}
		n, err := io.CopyBuffer(struct{ io.Writer }{w}, read, c.chunk)
		if err == nil && n != size {
			err = fmt.Errorf("%w: %d bytes or more instead of %d", base.ErrCorrupt, n, size)
		}
		sum = read.sum.Sum32()
		return err
	})
	return sum, err
}

// summing is what is read of a source, until its context ends.
type summing struct {
	ctx  context.Context
	src  io.Reader
	sum  hash.Hash32
	read func(int64)
}

// newSum makes the sum of all bytes of a file. It is of another polynomial than that which the files of a store have at their
// ends: over data with its own CRC behind it, a CRC is the same whatever the data.
func newSum() hash.Hash32 { return crc32.NewIEEE() }

func (s *summing) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.src.Read(p)
	_, _ = s.sum.Write(p[:n]) // a hash never fails
	s.read(int64(n))
	return n, err
}

// sum returns the sum of the first size bytes of an object, which to gets too.
func (c *copier) sum(ctx context.Context, o io.ReaderAt, size int64, to io.Writer) (uint32, error) {
	s := &summing{ctx: ctx, src: io.NewSectionReader(o, 0, size), sum: newSum(), read: func(int64) {}}
	n, err := io.CopyBuffer(struct{ io.Writer }{to}, s, c.chunk)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return s.sum.Sum32(), err
}

// check reads what is in the place of a file of a store, holds it against what is known of the file, and returns the sum of all
// bytes. One that is missing is an error of class fs.ErrNotExist.
func (c *copier) check(ctx context.Context, f *File, id [16]byte) (sum uint32, err error) {
	name := f.object()
	o, err := c.to.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err = errors.Join(err, o.Close()); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	size, err := o.Size()
	if err != nil {
		return 0, err
	}
	if size != f.Size {
		return 0, fmt.Errorf("%w: %d bytes instead of %d", base.ErrCorrupt, size, f.Size)
	}
	switch path.Ext(f.Path) {
	case ".pack":
		return f.checkPack(o, id)
	case ".list":
		return c.checkList(ctx, f, o)
	}
	if sum, err = c.sum(ctx, o, size, io.Discard); err == nil && sum != f.CRC {
		err = errCheck
	}
	return sum, err
}

var errCheck = fmt.Errorf("%w: it fails its check", base.ErrCorrupt)

func (f *File) checkPack(o Object, id [16]byte) (uint32, error) {
	number, err := strconv.ParseUint(strings.TrimSuffix(path.Base(f.Path), ".pack"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is not the path of a pack", base.ErrCorrupt, f.Path)
	}
	sum := newSum()
	err = store.CheckPack(o, id, store.FileRef{Number: number, Size: f.Size, CRC: f.CRC}, sum)
	return sum.Sum32(), err
}

// checkList holds a list against its CRC, which is at its end too.
func (c *copier) checkList(ctx context.Context, f *File, o Object) (uint32, error) {
	end := f.Size - 4
	if end < 0 {
		return 0, errCheck
	}
	crc := crc32.New(castagnoli)
	if _, err := c.sum(ctx, o, end, crc); err != nil {
		return 0, err
	}
	tail := make([]byte, 4)
	if n, err := o.ReadAt(tail, end); n < len(tail) {
		return 0, errors.Join(err, io.ErrUnexpectedEOF)
	}
	if crc.Sum32() != f.CRC || binary.LittleEndian.Uint32(tail) != f.CRC {
		return 0, errCheck
	}
	return c.sum(ctx, o, f.Size, io.Discard)
}

// sized tells whether an object is there with the size of the file.
func (c *copier) sized(f *File) (bool, error) {
	o, err := c.to.Open(f.object())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	size, err := o.Size()
	return size == f.Size, errors.Join(err, o.Close())
}
