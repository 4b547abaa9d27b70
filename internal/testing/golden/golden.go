package golden

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/memory"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// Rewriting tells whether the golden files are to be written anew.
func Rewriting() bool { return *rewrite }

// Read returns the bytes of a golden file.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(path(name))
	require.NoError(t, err)
	var data []byte
	for line := range strings.Lines(string(text)) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		require.NoError(t, err)
		data = append(data, b...)
	}
	return data
}

// Holds holds that data, which is written today, is what the version of the golden file has always written.
func Holds(t testing.TB, name string, data []byte) {
	t.Helper()
	if *rewrite {
		Write(t, name, data)
	}
	require.Equal(t, hex.Dump(Read(t, name)), hex.Dump(data))
}

// Write writes a golden file.
func Write(t testing.TB, name string, data []byte) {
	t.Helper()
	var text strings.Builder
	for at := 0; at < len(data); at += 16 {
		fmt.Fprintf(&text, "%04x  % x\n", at, data[at:min(at+16, len(data))])
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(path(name)), 0o755))
	require.NoError(t, os.WriteFile(path(name), []byte(text.String()), 0o600))
}

func path(name string) string { return filepath.Join("testdata", "v1", name+".hex") }

// Frugal holds that decode allocates no more than 64 times its input, and a little.
func Frugal(t testing.TB, input []byte, decode func()) {
	t.Helper()
	if n := memory.Allocated(decode); n > uint64(64*len(input)+64<<10) {
		t.Fatalf("%d bytes allocated for %d of input", n, len(input))
	}
}
