package clickhouse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// programVariable names what nodes are made of.
const programVariable = "CLICKHOUSE_NODE"

// libraryPath is where npm puts the library.
const libraryPath = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

// program is a command that runs a node once a configuration and ports are added.
type program struct {
	command []string
	// local is set for clickhouse-local out of the library, which listens when a query tells it to.
	local bool
}

// findProgram skips the test if there is no program to be had.
func findProgram(t testing.TB) program {
	t.Helper()
	path := os.Getenv(programVariable)
	if path == "" {
		t.Skipf("without %s there is no ClickHouse: run make cluster", programVariable)
	}
	info, err := os.Stat(path)
	require.NoError(t, err, programVariable)
	if !info.IsDir() {
		return program{command: []string{path, "server"}}
	}
	return program{command: []string{filepath.Join(path, "node"), filepath.Join(path, libraryPath)}, local: true}
}

// listenQuery makes the library listen, and lasts longer than any test. The number of rows of its blocks decides how often it wakes. The library
// ends with its last statement: one that fails, as for memory that others have taken, is followed by the next.
var listenQuery = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; " + strings.Repeat(
	"SELECT count() FROM numbers(1000000000) WHERE NOT ignore(sleepEachRow(1)) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0; ", 100)

// arguments are those of the command for a node whose folder has a config.xml.
func (p program) arguments(dir, port, httpPort string) []string {
	config := filepath.Join(dir, configName)
	if p.local {
		return append(append([]string{"-w"}, p.command[1:]...), "--config-file", config, "--path", filepath.Join(dir, "data"),
			"--log-level=warning", "--listen_host", loopback, "--tcp_port", port, "--http_port", httpPort, "--ignore-error", "--query", listenQuery)
	}
	return append(p.command[1:len(p.command):len(p.command)], "--config-file="+config, "--", "--tcp_port="+port, "--http_port="+httpPort)
}
