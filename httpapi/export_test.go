package httpapi

import (
	"net/netip"
	"time"
)

// HashOf is the hash of a short body under an idempotency key.
func HashOf(source, format, body string) [16]byte {
	h := newBodyHash(source, format)
	h.add([]byte(body))
	return h.sum()
}

// Quota is a quota as a test drives it: callers are addresses.
type Quota struct{ quota }

// NewQuota returns the quota of a server with so many requests per second.
func NewQuota(rate int) *Quota { return &Quota{quota{rate: rate}} }

// Take takes one request of an address.
func (q *Quota) Take(address netip.Addr, now time.Time) (ok bool, left int, reset time.Duration) {
	return q.take(caller{address: netip.PrefixFrom(address, address.BitLen())}, now)
}

// Callers is how many callers the quota remembers.
func (q *Quota) Callers() int { return len(q.full) }

// CallersMax bounds it.
const CallersMax = callersMax

// Surface lists the methods and paths of the route table, and GET and POST of every pipe.
func Surface() (list []string) {
	add := func(r *route, path string) {
		if r.get != nil {
			list = append(list, "GET "+path)
		}
		if r.post != nil {
			list = append(list, "POST "+path)
		}
	}
	for i := range routes {
		add(&routes[i], routes[i].path)
	}
	for i := range pipes {
		add(&pipeRoute, pipesPrefix+pipes[i].name)
	}
	return list
}

// OpenConns is how many connections the server has.
func (s *Server) OpenConns() int { return s.openConns() }

// DefaultLimits are the limits of a server without options.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// The limits that are not options.
const (
	HeadBytesMax       = headBytesMax
	QueryBytesMax      = queryBytesMax
	PathBytesMax       = pathBytesMax
	ParameterBytesMax  = parameterBytesMax
	RequestsPerConnMax = requestsPerConnMax
	ExpansionMax       = expansionMax
	KeyBytesMax        = keyBytesMax

	AnswerPieceBytes     = answerPieceBytes
	AnswerBytesPerSecond = answerBytesPerSecond
	DefaultModelGauges   = defaultModelGauges
)
