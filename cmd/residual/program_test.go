package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// build returns the path of the program, which is built when a test first wants it.
func build(tb testing.TB) string {
	tb.Helper()
	binary, err := built()
	require.NoError(tb, err)
	return binary
}

// generatedByProgram is what [generated] returns. A process of its own makes many rows without the race detector.
func generatedByProgram(t *testing.T, flags ...string) []byte {
	t.Helper()
	lines, err := exec.CommandContext(t.Context(), build(t), append([]string{"generate"}, flags...)...).Output()
	require.NoError(t, err)
	return lines
}

// built is the program in a folder of its own, which [TestMain] removes.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "residual-program-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	binary := filepath.Join(dir, "residual")
	if output, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return binary, nil
})

// builtIn is the folder of the program, if it was built.
var builtIn string
