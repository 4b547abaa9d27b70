package admission

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Caller is whose requests are counted together: a token by its name, or else an address.
type Caller struct {
	Token   string
	Address netip.Prefix
}

// Quota bounds the requests per second of each caller by a bucket of one second's worth.
type Quota struct {
	Rate int // up to RateMax; 0 is no bound
	// Refused counts the requests over the quota.
	Refused atomic.Uint64

	// Guarded by mu.
	mu sync.Mutex
	// full is when the bucket of a caller is full again, in Unix nanoseconds; of callers without an entry it is.
	full map[Caller]int64
}

const (
	// CallersMax bounds what addresses cost, about 100 bytes each. Beyond it some are forgotten, which fills their
	// buckets.
	CallersMax = 16 << 10
	// RateMax is more than a server answers, and keeps the cost of a request above a nanosecond.
	RateMax = 1_000_000
)

// Callers is how many callers the quota remembers.
func (q *Quota) Callers() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.full)
}

// Take takes one request out of a caller's bucket. left is what remains in it, none if it is empty already; reset is
// the time until it is full.
func (q *Quota) Take(who Caller, now time.Time) (ok bool, left int, reset time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := now.UnixNano()
	full := max(q.full[who], at)
	if full > at+int64(time.Second) {
		full = at // the clock went back
	}
	cost := int64(time.Second) / int64(q.Rate)
	next := full + cost
	if next > at+int64(time.Second) {
		q.Refused.Add(1)
		return false, 0, time.Duration(full - at)
	}
	if q.full == nil {
		q.full = map[Caller]int64{}
	}
	if len(q.full) >= CallersMax {
		q.forget(at)
	}
	q.full[who] = next
	return true, int((at + int64(time.Second) - next) / cost), time.Duration(next - at)
}

// forget drops the callers whose buckets are full, and as many of the others as it takes for this to be rare. Under mu.
func (q *Quota) forget(at int64) {
	for who, full := range q.full {
		if full <= at {
			delete(q.full, who)
		}
	}
	for who := range q.full {
		if len(q.full) < CallersMax*3/4 {
			return
		}
		delete(q.full, who)
	}
}
