package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, Check(dir))
	var usage *arg.UsageError
	require.ErrorAs(t, Check(file), &usage)
	absent := Check(filepath.Join(dir, "absent"))
	require.ErrorContains(t, absent, "does not exist")
	require.NotErrorAs(t, absent, &usage)
}

// TestSecret looks for secrets in files and in the environment: a file counts before a variable, and no more of a file is read than a secret
// may have.
func TestSecret(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RESIDUAL_SECRET_BOTH", "of the environment")
	t.Setenv("RESIDUAL_SECRET_SET", "of the environment")
	for name, text := range map[string]string{
		"BOTH": "of the file\r\n", "BLANK": " kept \n\n", "MOST": strings.Repeat("x", secretBytesMax), "MORE": strings.Repeat("x", secretBytesMax+1),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	f := func(dir, name, want string, there bool) {
		t.Helper()
		value, ok, err := Secret(dir, name)
		require.NoError(t, err)
		require.Equal(t, want, value)
		require.Equal(t, there, ok)
	}
	f(dir, "BOTH", "of the file", true)
	f("", "BOTH", "of the environment", true)
	f(dir, "SET", "of the environment", true)
	f(dir, "BLANK", " kept \n", true)
	f(dir, "MOST", strings.Repeat("x", secretBytesMax), true)
	f(dir, "NONE", "", false)
	_, ok, err := Secret(dir, "MORE")
	require.ErrorContains(t, err, "the secret MORE: it has more than 65536 bytes")
	require.NotContains(t, err.Error(), "xx")
	require.False(t, ok)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "DIR"), 0o700))
	_, _, err = Secret(dir, "DIR")
	require.ErrorContains(t, err, "the secret DIR")
}
