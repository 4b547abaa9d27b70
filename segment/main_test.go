package segment

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	// seedFlag replays a randomised test.
	seedFlag = flag.Uint64("residual.seed", 0, "seed of randomised tests; 0 draws one")
	// rewriteFlag makes golden files anew. A difference is a change of the format.
	rewriteFlag = flag.Bool("residual.rewrite", false, "rewrite golden files")
	// longFlag multiplies the rounds of randomised tests.
	longFlag = flag.Bool("residual.long", false, "run many more rounds of randomised tests")
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// rounds is n, or many times as much with -residual.long.
func rounds(n int) int {
	if *longFlag {
		return 50 * n
	}
	return n
}
