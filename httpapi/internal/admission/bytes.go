package admission

import (
	"errors"
	"io"
	"sync/atomic"
)

var (
	// ErrFull is returned when too many bytes are held for more of them.
	ErrFull = errors.New("admission: too many bytes are held")
	// ErrNever is returned to a request that holds so many bytes itself that more of them would never fit.
	ErrNever = errors.New("admission: one request holds too many bytes")
)

// Bytes bounds the bytes that requests hold together. It never waits: a request that finds them taken is to come back.
type Bytes struct {
	Limit int64
	// Held is what is taken of the limit, Refused how many charges found too little left.
	Held    atomic.Int64
	Refused atomic.Uint64
}

// Take takes n bytes, or none and reports false.
func (b *Bytes) Take(n int64) bool {
	if b.Held.Add(n) > b.Limit {
		b.Held.Add(-n)
		return false
	}
	return true
}

// Give gives n bytes back.
func (b *Bytes) Give(n int64) { b.Held.Add(-n) }

// Charge is what one request holds of Bytes. Its zero value with Bytes set holds nothing.
type Charge struct {
	Bytes *Bytes
	held  int64
}

// Check returns the error of taking n bytes and takes none of them. A negative n, of a body that does not say how long it
// is, fits.
func (c *Charge) Check(n int64) error {
	if n > 0 && c.Bytes.Held.Load()+n > c.Bytes.Limit {
		return c.refuse(0)
	}
	return nil
}

// Take takes n bytes until Release.
func (c *Charge) Take(n int64) error {
	if !c.Bytes.Take(n) {
		return c.refuse(n)
	}
	c.held += n
	return nil
}

func (c *Charge) refuse(n int64) error {
	if c.held+n > c.Bytes.Limit {
		return ErrNever
	}
	c.Bytes.Refused.Add(1)
	return ErrFull
}

// Release gives back all that was taken.
func (c *Charge) Release() {
	c.Bytes.Give(c.held)
	c.held = 0
}

// Reader returns a body of which each byte is charged before its reader gets it.
func (c *Charge) Reader(from io.Reader) *Reader { return &Reader{from: from, charge: c} }

// Reader is a body that is charged.
type Reader struct {
	// N is how many bytes were read.
	N int64

	from   io.Reader
	charge *Charge
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if full := r.charge.Take(int64(n)); full != nil {
		return 0, full
	}
	r.N += int64(n)
	return n, err
}
