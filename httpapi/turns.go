package httpapi

import (
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/thread"
)

// turn is the right to decode. It comes with a decoder, which keeps what it learned, a few hundred KiB, and with a
// thread that gives way to those of queries.
type turn struct {
	decoder    *event.Decoder
	background *thread.Background // nil unless the server serves
}

// turns lets so many requests at a time be decoded. The others wait outside the scheduler's queue: in it, a query would wait
// for all of them.
type turns chan *turn

func newTurns(n int) turns {
	t := make(turns, n)
	for range n {
		t <- &turn{decoder: event.NewDecoder()}
	}
	return t
}

func (t turns) take() *turn  { return <-t }
func (t turns) give(u *turn) { t <- u }

// backgroundBytes is the least that is decoded on a thread of its own: what takes some ten microseconds is over before
// it gets there.
const backgroundBytes = 64 << 10

// do runs f, which decodes so many bytes.
func (u *turn) do(bytes int, f func()) {
	if bytes < backgroundBytes {
		f()
		return
	}
	u.background.Do(f)
}

// start gives each turn its thread, and stop ends them. Each waits for the turns that are taken.
func (t turns) start() { t.each(func(u *turn) { u.background = thread.Start(1) }) }

func (t turns) stop() {
	t.each(func(u *turn) {
		u.background.Stop()
		u.background = nil
	})
}

// each calls f with every turn.
func (t turns) each(f func(*turn)) {
	all := make([]*turn, cap(t))
	for i := range all {
		all[i] = t.take()
		f(all[i])
	}
	for _, u := range all {
		t.give(u)
	}
}
