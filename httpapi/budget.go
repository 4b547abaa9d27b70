package httpapi

import "sync/atomic"

// budget bounds the bytes of bodies in flight. It never waits: whoever finds it spent is told to come back.
type budget struct {
	limit int64
	spent atomic.Int64
}

// take adds n bytes, or nothing and reports false.
func (b *budget) take(n int64) bool {
	if b.spent.Add(n) > b.limit {
		b.spent.Add(-n)
		return false
	}
	return true
}

// fits tells whether n bytes could be added now; a negative n, of a body that does not say, does.
func (b *budget) fits(n int64) bool { return n <= 0 || b.spent.Load()+n <= b.limit }

func (b *budget) give(n int64) { b.spent.Add(-n) }
