package httpapi

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// caller is whose requests are counted together: a token by its name, or else an address.
type caller struct {
	token   string
	address netip.Prefix
}

// quota bounds the requests per second of each caller by a bucket of one second's worth. A quota whose rate is zero
// lets everybody through.
type quota struct {
	rate int

	// Guarded by mu.
	mu sync.Mutex
	// full is when the bucket of a caller is full again, in Unix nanoseconds; of callers without an entry it is.
	full map[caller]int64
}

const (
	// callersMax bounds what addresses cost, about 100 bytes each. Beyond it some are forgotten, which fills their
	// buckets.
	callersMax = 16 << 10
	// rateMax is more than a server answers, and keeps the cost of a request above a nanosecond.
	rateMax = 1_000_000
)

// take takes one request out of a caller's bucket. left is what remains in it, none if it is empty already; reset is
// the time until it is full.
func (q *quota) take(who caller, now time.Time) (ok bool, left int, reset time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := now.UnixNano()
	full := max(q.full[who], at)
	if full > at+int64(time.Second) {
		full = at // the clock went back
	}
	cost := int64(time.Second) / int64(q.rate)
	next := full + cost
	if next > at+int64(time.Second) {
		return false, 0, time.Duration(full - at)
	}
	if q.full == nil {
		q.full = map[caller]int64{}
	}
	if len(q.full) >= callersMax {
		q.forget(at)
	}
	q.full[who] = next
	return true, int((at + int64(time.Second) - next) / cost), time.Duration(next - at)
}

// forget drops the callers whose buckets are full, and as many of the others as it takes for this to be rare. Under mu.
func (q *quota) forget(at int64) {
	for who, full := range q.full {
		if full <= at {
			delete(q.full, who)
		}
	}
	for who := range q.full {
		if len(q.full) < callersMax*3/4 {
			return
		}
		delete(q.full, who)
	}
}

// charge counts a request against its token, or against its address if it has none that is known, and tells the client
// how much of the quota is left.
func (s *Server) charge(c *call) error {
	if s.quota.rate == 0 || c.ctx.UserValue(admitted{}) != nil {
		return nil
	}
	who := caller{token: c.holder.name}
	if peer, ok := c.ctx.Conn().(*conn); ok && who.token == "" {
		who.address = peer.ip
	}
	ok, left, reset := s.quota.take(who, s.opts.Now())
	if !ok {
		s.counts.throttled.Add(1)
		e := busy(s.quota.rate, "too many requests: "+strconv.Itoa(s.quota.rate)+" a second are allowed")
		e.status = fasthttp.StatusTooManyRequests
		return e
	}
	header := &c.ctx.Response.Header
	header.Set("X-RateLimit-Limit", strconv.Itoa(s.quota.rate))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	header.Set("X-RateLimit-Reset", strconv.Itoa(int((reset+time.Second-1)/time.Second)))
	return nil
}
