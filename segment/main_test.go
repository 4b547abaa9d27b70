package segment

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// rewriteFlag makes golden files anew. A difference is a change of the format.
var rewriteFlag = flag.Bool("residual.rewrite", false, "rewrite golden files")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
