// Package lease keeps things for clients that may be gone at any moment: each for a time that its client renews, and no more than
// so many at a time.
//
// [Leases] is safe for concurrent use. Its values are closed when they are ended, when their time is over, and by EndAll.
package lease

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"time"
)

// ErrFull is returned while there are as many as there may be.
var ErrFull = errors.New("no more leases")

// Leases are the things that are kept. Max and For are immutable after the first use.
type Leases[T io.Closer] struct {
	// Max is how many there may be, For how long one is kept since it was made, renewed, or last in use.
	Max int
	For time.Duration
	// Expired is told the id of one whose time is over.
	Expired func(id string)

	// Guarded by mu. What is being made counts for making.
	mu     sync.Mutex
	all    map[string]*leased[T]
	making int
	ended  bool
}

// leased is one thing. Its fields but the value are guarded by Leases.mu.
type leased[T io.Closer] struct {
	value T
	users int
	due   *time.Timer
}

// Begin keeps what create makes, and returns the id by which it is found. There is no guessing an id.
func (l *Leases[T]) Begin(create func() (T, error)) (id string, value T, err error) {
	if !l.reserve() {
		return "", value, ErrFull
	}
	value, err = create()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.making--
	switch {
	case err != nil:
		return "", value, err
	case l.ended:
		return "", value, errors.Join(ErrFull, value.Close())
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	id = hex.EncodeToString(random[:])
	if l.all == nil {
		l.all = make(map[string]*leased[T])
	}
	l.all[id] = &leased[T]{value: value, due: time.AfterFunc(l.For, func() { l.expire(id) })}
	return id, value, nil
}

func (l *Leases[T]) reserve() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.all)+l.making >= l.Max {
		return false
	}
	l.making++
	return true
}

// Use renews what has the id and keeps it until done is called; ok is false if there is none, or none any more.
func (l *Leases[T]) Use(id string) (value T, done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.all[id]
	if x == nil {
		return value, nil, false
	}
	x.users++
	x.due.Stop()
	return x.value, sync.OnceFunc(func() { l.done(id, x) }), true
}

func (l *Leases[T]) done(id string, x *leased[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x.users--; x.users == 0 && l.all[id] == x {
		x.due.Reset(l.For)
	}
}

// expire ends what nobody has used in time.
func (l *Leases[T]) expire(id string) {
	l.mu.Lock()
	x := l.all[id]
	if x == nil || x.users > 0 { // it was ended, or is in use again
		l.mu.Unlock()
		return
	}
	delete(l.all, id)
	l.mu.Unlock()
	_ = x.value.Close() // nobody is there to be told
	if l.Expired != nil {
		l.Expired(id)
	}
}

// End closes what has the id, whoever uses it; ok is false if there is none, or none any more.
func (l *Leases[T]) End(id string) (ok bool, err error) {
	l.mu.Lock()
	x := l.all[id]
	delete(l.all, id)
	l.mu.Unlock()
	if x == nil {
		return false, nil
	}
	x.due.Stop()
	return true, x.value.Close()
}

// EndAll closes all, and has none begin any more.
func (l *Leases[T]) EndAll() {
	l.mu.Lock()
	all := l.all
	l.all, l.ended = nil, true
	l.mu.Unlock()
	for _, x := range all {
		x.due.Stop()
		_ = x.value.Close() // nobody is there to be told
	}
}
