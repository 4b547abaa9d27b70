// Package patience helps a test whose subject is a limit on time: an answer that is cut when it takes too long, a server that is given up.
//
// Such a limit is short in a test, so that the test is, and on a machine with other work it can be over before what it is to end
// has begun. Then nothing is wrong and nothing is tested. [Try] tries again with a larger limit.
package patience

import (
	"testing"
	"time"
)

// limitMax is the largest limit that is tried: what is not under way by then never will be.
const limitMax = time.Minute

// Try calls f with a limit, and with larger ones for as long as f tells that the limit was over too early. f checks what must hold
// with every limit.
func Try(t *testing.T, limit time.Duration, f func(limit time.Duration) (enough bool)) {
	t.Helper()
	for ; limit <= limitMax; limit *= 4 {
		if f(limit) {
			return
		}
		t.Logf("a limit of %s was over too early", limit)
	}
	t.Fatal("no limit was large enough")
}
