package idempotency

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
)

// The idempotency window: a retry within it is answered from memory, one after it is stored as new.
const (
	// KeysMax bounds the window in keys, where Options do not.
	KeysMax = 1_000_000
	// KeyMemoryBytes is what a key takes of memory, at most: 140 to 212 bytes as the table grows.
	KeyMemoryBytes = 212
	// KeysAge bounds it in time.
	KeysAge = 7 * 24 * time.Hour
	// KeyBytesMax bounds one key.
	KeyBytesMax = 128
)

// Key is a hash of the client's key: a million keys of 128 bytes would be too much to hold.
type Key [16]byte

// HashKey returns the key of a client's key.
func HashKey(key string) (id Key) {
	sum := sha256.Sum256([]byte(key))
	copy(id[:], sum[:])
	return id
}

// Entry is what became of the first append under a key.
type Entry struct {
	Key  Key
	Hash [16]byte
	LSN  uint64
	At   int64 // from when the key is remembered, in Unix milliseconds

	Successful, Quarantined, Replaced uint32
}

// KeyBytes is what a new key takes beside its place in the window, until a checkpoint has written it.
const KeyBytes = 72

// Window remembers the keys of stored batches, and those whose append is under way.
type Window struct {
	// Max is the bound in keys. It never changes.
	Max int

	mu sync.Mutex

	// Guarded by mu.
	entries map[Key]Entry
	// order holds the ids by the times of their entries. An id whose entry has another time has come again.
	order expiries[Key]
	// added are the entries that TakeNew has not returned yet.
	added   []Entry
	flights map[Key]*flight
}

// flight is an append under a key that has no outcome yet.
type flight struct {
	hash [16]byte
	done chan struct{}
}

// NewWindow returns a window of at most so many keys.
func NewWindow(most int) *Window {
	return &Window{Max: most, entries: make(map[Key]Entry), flights: make(map[Key]*flight)}
}

// Begin claims the key. If it is known, the first outcome is returned; if another append under it is under way, Begin
// waits for that one. Otherwise the caller holds the claim and must call End.
func (w *Window) Begin(ctx context.Context, id Key, hash [16]byte) (known Entry, ok bool, err error) {
	for {
		w.mu.Lock()
		if e, found := w.entries[id]; found {
			w.mu.Unlock()
			return e, true, conflict(e.Hash == hash)
		}
		f := w.flights[id]
		if f == nil {
			w.flights[id] = &flight{hash: hash, done: make(chan struct{})}
			w.mu.Unlock()
			return Entry{}, false, nil
		}
		w.mu.Unlock()
		if f.hash != hash {
			return Entry{}, true, conflict(false)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Entry{}, true, fmt.Errorf("wait for the append under the same key: %w", ctx.Err())
		}
	}
}

func conflict(same bool) error {
	if same {
		return nil
	}
	return base.ErrConflict
}

// End gives up the claim, whatever the outcome was.
func (w *Window) End(id Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.flights[id].done)
	delete(w.flights, id)
}

// Add remembers a stored batch and drops what has left the window at the time now.
func (w *Window) Add(e Entry, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.added = append(w.added, e)
	w.put(e)
	w.expire(now)
}

// Restore remembers an entry that is in a list already.
func (w *Window) Restore(e Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(e)
	w.expire(base.MinMilli)
}

// TakeNew returns the entries added since the last call.
func (w *Window) TakeNew() []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	added := w.added
	w.added = nil
	return added
}

func (w *Window) put(e Entry) {
	w.entries[e.Key] = e
	w.order.add(e.At, e.Key)
}

// expire drops the keys that are older than the window is long, and the oldest beyond its bound.
func (w *Window) expire(now int64) {
	oldest := base.SubMilli(now, KeysAge)
	for w.order.len() > 0 && (len(w.entries) > w.Max || w.order.first().at < oldest) {
		if x := w.order.take(); w.entries[x.key].At == x.at {
			delete(w.entries, x.key)
		}
	}
}

// Len returns how many keys are remembered.
func (w *Window) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.entries)
}
