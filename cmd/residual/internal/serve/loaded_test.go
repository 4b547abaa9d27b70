package serve

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRedact takes secrets out of what others say, however they write them.
func TestRedact(t *testing.T) {
	p := &loadedProject{secrets: map[string]string{"A": "s3cr t/+", "B": "abc", "C": ""}}
	require.Equal(t, "no *** or *** or *** abc", p.redact("no s3cr t/+ or s3cr+t%2F%2B or s3cr%20t%2F+ abc"))
}
