package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
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

// keyID is a hash of the client's key: a million keys of 128 bytes would be too much to hold.
type keyID [16]byte

func hashKey(key string) (id keyID) {
	sum := sha256.Sum256([]byte(key))
	copy(id[:], sum[:])
	return id
}

// keyEntry is what became of the first append under a key.
type keyEntry struct {
	id   keyID
	hash [16]byte
	lsn  uint64
	at   int64 // from when the key is remembered, in Unix milliseconds

	successful, quarantined, replaced uint32
}

// appended is the answer to an append under the key after the first.
func (e *keyEntry) appended() Appended {
	return Appended{
		Successful: int(e.successful), Quarantined: int(e.quarantined), Replaced: int(e.replaced), Duplicate: true, LSN: e.lsn,
	}
}

// keyBytes is what a new key takes beside its place in the window, until a checkpoint has written it.
const keyBytes = 72

// keyWindow remembers the keys of stored batches, and those whose append is under way.
type keyWindow struct {
	max int

	mu sync.Mutex

	// Guarded by mu.
	entries map[keyID]keyEntry
	// order holds the ids by the times of their entries. An id whose entry has another time has come again.
	order expiries[keyID]
	// added are the entries that no cut has handed to the keeper.
	added   []keyEntry
	flights map[keyID]*flight
}

// flight is an append under a key that has no outcome yet.
type flight struct {
	hash [16]byte
	done chan struct{}
}

func newKeyWindow(most int) *keyWindow {
	return &keyWindow{max: most, entries: make(map[keyID]keyEntry), flights: make(map[keyID]*flight)}
}

// begin claims the key. If it is known, the first outcome is returned; if another append under it is under way, begin
// waits for that one. Otherwise the caller holds the claim and must call end.
func (w *keyWindow) begin(ctx context.Context, id keyID, hash [16]byte) (known keyEntry, ok bool, err error) {
	for {
		w.mu.Lock()
		if e, found := w.entries[id]; found {
			w.mu.Unlock()
			return e, true, conflict(e.hash == hash)
		}
		f := w.flights[id]
		if f == nil {
			w.flights[id] = &flight{hash: hash, done: make(chan struct{})}
			w.mu.Unlock()
			return keyEntry{}, false, nil
		}
		w.mu.Unlock()
		if f.hash != hash {
			return keyEntry{}, true, conflict(false)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return keyEntry{}, true, fmt.Errorf("wait for the append under the same key: %w", ctx.Err())
		}
	}
}

func conflict(same bool) error {
	if same {
		return nil
	}
	return ErrConflict
}

// end gives up the claim, whatever the outcome was.
func (w *keyWindow) end(id keyID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.flights[id].done)
	delete(w.flights, id)
}

// add remembers a stored batch and drops what has left the window at the time now.
func (w *keyWindow) add(e keyEntry, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.added = append(w.added, e)
	w.put(e)
	w.expire(now)
}

// restore remembers an entry that is in a list already.
func (w *keyWindow) restore(e keyEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(e)
	w.expire(minMilli)
}

// takeNew returns the entries added since the last call.
func (w *keyWindow) takeNew() []keyEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	added := w.added
	w.added = nil
	return added
}

func (w *keyWindow) put(e keyEntry) {
	w.entries[e.id] = e
	w.order.add(e.at, e.id)
}

// expire drops the keys that are older than the window is long, and the oldest beyond its bound.
func (w *keyWindow) expire(now int64) {
	oldest := subMilli(now, KeysAge)
	for w.order.len() > 0 && (len(w.entries) > w.max || w.order.first().at < oldest) {
		if x := w.order.take(); w.entries[x.key].at == x.at {
			delete(w.entries, x.key)
		}
	}
}

func (w *keyWindow) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.entries)
}
