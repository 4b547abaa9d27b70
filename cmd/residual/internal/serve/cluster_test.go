package serve

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStorePassword has the password in a file and in the environment: one of them is taken, and what is wrong is said without it.
func TestStorePassword(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	f := func(content, variable, want string) {
		t.Helper()
		flags := ClusterFlags{url: "clickhouse://residual@127.0.0.1/residual", passwordFile: file}
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		if content == "" {
			flags.passwordFile = ""
		}
		flags.readPassword(func(name string) (string, bool) {
			require.Equal(t, passwordVariable, name)
			return variable, variable != ""
		})
		c, err := flags.config()
		require.NoError(t, err)
		require.Equal(t, want, c.Password)
		require.Equal(t, []string{"127.0.0.1:9000"}, c.Addresses)
	}
	f("of the file\n", "", "of the file")
	f(" kept \r\n", "", " kept ")
	f("", "of the environment", "of the environment")
	f("", "", "")

	flags := ClusterFlags{url: "clickhouse://127.0.0.1/residual", passwordFile: file, password: "x", hasPassword: true}
	_, err := flags.config()
	require.ErrorContains(t, err, "one of them is allowed")
	flags = ClusterFlags{url: flags.url, passwordFile: file}
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	_, err = flags.config()
	require.ErrorContains(t, err, "is empty")
	flags.passwordFile = filepath.Join(dir, "nowhere")
	_, err = flags.config()
	require.ErrorIs(t, err, os.ErrNotExist)
}
