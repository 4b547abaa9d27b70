package serve

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines left behind. Those of fasthttp end on their own time: its clock never does, and the
// cleaner of a stopped server's workers at its next turn.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}
