package clusters_test

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "residual")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/residualdb/residual/cmd/residual").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// command is a command of the program for a store in a cluster, with the password where it belongs: that of [nodes.User], unless the
// environment has another one.
func command(binary string, args ...string) *exec.Cmd {
	c := exec.Command(binary, args...)
	c.Env = append([]string{"RESIDUAL_STORE_PASSWORD=" + nodes.Password}, os.Environ()...)
	return c
}

// makeWith makes the tables by the program, and returns the URL of the store.
func makeWith(t *testing.T, binary string, c *nodes.Cluster) string {
	t.Helper()
	args := []string{"cluster", "init", "--store", c.URL()}
	if len(c.Nodes) > 1 {
		args = append(args, "--cluster", nodes.Name)
	}
	out, err := command(binary, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return c.URL()
}

// process is a server of the program, which may be killed and started again at the same address.
type process struct {
	binary, store, address string
	args                   []string
	dir                    string
	url                    string

	command *exec.Cmd
	log     *tail
}

func startServer(t *testing.T, binary, store string, args ...string) *process {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &process{binary: binary, store: store, address: ln.Addr().String(), args: args, dir: t.TempDir(), log: &tail{}}
	require.NoError(t, ln.Close())
	p.url = "http://" + p.address
	t.Cleanup(func() {
		if p.command != nil {
			p.kill()
		}
		if t.Failed() {
			t.Logf("server %s:\n%s", p.address, p.log)
		}
	})
	p.start(t)
	return p
}

// start starts the server and waits until it is ready.
func (p *process) start(t *testing.T) {
	t.Helper()
	p.command = command(p.binary, append([]string{"serve", "--store", p.store, "--listen", p.address, "--data-dir", p.dir}, p.args...)...)
	p.command.Stderr = p.log
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "%s", p.log)
	require.True(t, strings.HasPrefix(line, "listening on "), line)
}

// kill ends the server at once.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
	p.command = nil
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 16 << 10

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if over := len(w.text) - tailBytes; over > 0 {
		w.text = append([]byte(nil), w.text[over:]...)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(bytes.Clone(w.text))
}
