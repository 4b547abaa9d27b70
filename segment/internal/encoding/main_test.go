package encoding

import (
	"errors"
	"testing"

	"go.uber.org/goleak"
)

// errCorrupt is what cursors of tests are made with.
var errCorrupt = errors.New("corrupt")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
