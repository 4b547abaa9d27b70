package httpapi

import "github.com/residualdb/residual/event"

// turns lets so many requests at a time be decoded. The others wait outside the scheduler's queue: in it, a query would wait
// for all of them. A turn comes with a decoder, which keeps what it learned: a few hundred KiB.
type turns chan *event.Decoder

func newTurns(n int) turns {
	t := make(turns, n)
	for range n {
		t <- event.NewDecoder()
	}
	return t
}

func (t turns) take() *event.Decoder  { return <-t }
func (t turns) give(d *event.Decoder) { t <- d }
