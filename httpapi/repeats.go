package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/httpapi/internal/auth"
)

// repeatsFor is how long a request without a key is the same as one of the same body before it. repeatsMax bounds how many are remembered.
const (
	repeatsFor = 10 * time.Minute
	repeatsMax = 10_000
)

// repeats give requests without an idempotency key one: that of the last ten minutes in which the same body came from the same holder for
// the same data source. A deletion ends them: what is sent behind it is to be stored.
//
// The store remembers the keys, also over a restart. What is remembered here is which key a body had first, so that it keeps it for all of
// its ten minutes; after a restart these end with those of the clock.
type repeats struct {
	mu sync.Mutex
	// Guarded by mu.
	first map[[sha256.Size]byte]repeat
	// epoch is the time of the last deletion.
	epoch int64
}

type repeat struct {
	key   string
	until time.Time
}

// key is that of a body by its hash.
func (r *repeats) key(who *auth.Principal, source string, hash [16]byte, now time.Time) string {
	what := sha256.Sum256([]byte(who.Name + "\x00" + who.Within + "\x00" + source + "\x00" + string(hash[:])))
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.first[what]; ok && now.Before(known.until) {
		return known.key
	}
	if r.first == nil || len(r.first) >= repeatsMax {
		r.first = map[[sha256.Size]byte]repeat{}
	}
	sum := sha256.Sum256(fmt.Appendf(what[:], "repeat %d %d", now.Truncate(repeatsFor).Unix(), r.epoch))
	key := scopedKeyPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
	r.first[what] = repeat{key, now.Add(repeatsFor)}
	return key
}

// deleted ends all of them.
func (r *repeats) deleted(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first, r.epoch = nil, now.UnixNano()
}
