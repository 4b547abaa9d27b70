package files

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// Small files are fetched while those before them are read, a few at once: of an object of some KiB, most of the time goes by before its
// first byte arrives.
const (
	smallBytes = 1 << 20
	aheadMax   = 8
)

// ahead fetches the small ones of some files before their turn. Its methods are called by one goroutine.
type ahead struct {
	place   place
	files   []object
	begun   int              // how many files were looked at
	fetched map[int]*fetched // by their place in files
	running sync.WaitGroup
}

// fetched is a small file that is being fetched, or was, as a place of its own.
type fetched struct {
	place
	done chan struct{}
	data []byte
	err  error
}

// of returns the place where the file number i is read, and begins to fetch those behind it.
func (a *ahead) of(ctx context.Context, i int) place {
	for ; a.begun < min(i+aheadMax, len(a.files)); a.begun++ {
		if o := &a.files[a.begun]; o.size <= smallBytes && o.size > 0 {
			a.fetch(ctx, a.begun)
		}
	}
	f := a.fetched[i]
	if f == nil {
		return a.place
	}
	delete(a.fetched, i)
	return f
}

func (a *ahead) fetch(ctx context.Context, i int) {
	f := &fetched{place: a.place, done: make(chan struct{})}
	a.fetched[i] = f
	a.running.Go(func() {
		defer close(f.done)
		file, err := a.place.open(ctx, &a.files[i], 0)
		if err != nil {
			f.err = err
			return
		}
		f.data, f.err = io.ReadAll(file)
		_ = file.Close() // it was only read
	})
}

// open implements place.
func (f *fetched) open(_ context.Context, _ *object, from int64) (io.ReadCloser, error) {
	if <-f.done; f.err != nil {
		return nil, f.err
	}
	return io.NopCloser(bytes.NewReader(f.data[min(from, int64(len(f.data))):])), nil
}

// openAt implements place.
func (f *fetched) openAt(context.Context, *object) (readerAtCloser, error) {
	if <-f.done; f.err != nil {
		return nil, f.err
	}
	return struct {
		io.ReaderAt
		io.Closer
	}{bytes.NewReader(f.data), io.NopCloser(nil)}, nil
}
