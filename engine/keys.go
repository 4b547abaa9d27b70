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
	// KeysMax bounds the window in keys, at about 90 bytes of memory each.
	KeysMax = 1_000_000
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
	at   int64 // Unix milliseconds

	successful, quarantined, replaced uint32
}

// appended is the answer to an append under the key after the first.
func (e *keyEntry) appended() Appended {
	return Appended{
		Successful: int(e.successful), Quarantined: int(e.quarantined), Replaced: int(e.replaced), Duplicate: true, LSN: e.lsn,
	}
}

// keyWindow remembers the keys of stored batches, and those whose append is under way.
type keyWindow struct {
	mu sync.Mutex

	// Guarded by mu.
	entries map[keyID]keyEntry
	// order holds the ids as they were added; order[:dropped] are gone.
	order   []keyID
	dropped int
	// added are the entries that no cut has handed to the keeper.
	added   []keyEntry
	flights map[keyID]*flight
}

// flight is an append under a key that has no outcome yet.
type flight struct {
	hash [16]byte
	done chan struct{}
}

func newKeyWindow() *keyWindow {
	return &keyWindow{entries: make(map[keyID]keyEntry), flights: make(map[keyID]*flight)}
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

// add remembers a stored batch and drops what left the window. Batches are added in the order of the log.
func (w *keyWindow) add(e keyEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.added = append(w.added, e)
	w.put(e)
}

// restore remembers an entry that is in a list already.
func (w *keyWindow) restore(e keyEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(e)
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
	if _, ok := w.entries[e.id]; !ok {
		w.order = append(w.order, e.id)
	}
	w.entries[e.id] = e
	w.expire(e.at)
}

// expire drops the oldest keys beyond the window's bounds.
func (w *keyWindow) expire(now int64) {
	oldest := now - KeysAge.Milliseconds()
	for w.dropped < len(w.order) {
		id := w.order[w.dropped]
		if len(w.entries) <= KeysMax && w.entries[id].at >= oldest {
			break
		}
		delete(w.entries, id)
		w.dropped++
	}
	if w.dropped > len(w.order)/2 {
		w.order = append(w.order[:0], w.order[w.dropped:]...)
		w.dropped = 0
	}
}

func (w *keyWindow) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.entries)
}
