package checkpoint

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
)

// headsMax bounds the memory of rows not sealed yet, those that are being sealed among them, in shares of HeadBytes: one
// share fills up while the one before it is sealed.
const headsMax = 2

// Patience is how long an append waits for a checkpoint that is under way before all are refused. A server gives
// its appends a little more.
const Patience = 25 * time.Second

// attempts lets appends wait until rows are sealed. It is safe for concurrent use.
type attempts struct {
	mu sync.Mutex
	// next is the attempt at a checkpoint that is under way or to come, nil if no append waits for it; failed is what the last one
	// failed with. Guarded by mu.
	next   *attempt
	failed error
}

// attempt is a checkpoint that appends wait for. over is closed when it has ended.
type attempt struct {
	began time.Time
	over  chan struct{}
}

func (b *attempts) join() *attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = &attempt{time.Now(), make(chan struct{})}
	}
	return b.next
}

// ended wakes the appends that wait, once a checkpoint has succeeded or failed.
func (b *attempts) ended(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = err
	if b.next != nil {
		close(b.next.over)
		b.next = nil
	}
}

// hopeless returns why it is of no use to wait for a checkpoint, nil if one may be made.
func (b *attempts) hopeless() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed != nil:
		return fmt.Errorf("%w: the last checkpoint failed: %w", base.ErrUnsealed, b.failed)
	case b.next != nil && time.Since(b.next.began) >= Patience:
		return fmt.Errorf("%w: the checkpoint takes too long", base.ErrUnsealed)
	}
	return nil
}

// HeadsFull tells whether appends must wait for a checkpoint. Without a background nobody would make it.
func (k *Checkpointer) HeadsFull() bool {
	return k.env.Publisher.Counters.HeadBytes() >= headsMax*k.env.HeadBytes && k.env.Background
}

// WaitForHeads waits until heads are not full. Appends under way pass it together, so that heads outgrow their bound by
// what these bring.
func (k *Checkpointer) WaitForHeads(ctx context.Context) error {
	if !k.HeadsFull() {
		return nil
	}
	k.Waits.Add(1)
	for {
		a := k.attempts.join()
		if !k.HeadsFull() {
			return nil
		}
		if err := k.attempts.hopeless(); err != nil {
			return err
		}
		k.env.Ask()
		late := time.NewTimer(Patience - time.Since(a.began))
		select {
		case <-a.over:
		case <-late.C:
		case <-ctx.Done():
			late.Stop()
			return fmt.Errorf("%w in time: %w", base.ErrUnsealed, ctx.Err())
		}
		late.Stop()
	}
}

// Hopeless returns why it is of no use to wait for a checkpoint, nil if one may be made.
func (k *Checkpointer) Hopeless() error { return k.attempts.hopeless() }
