package clickhouse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Node is a server of ClickHouse.
type Node struct {
	// Shard counts from 1.
	Shard int
	// Address is that of the native protocol, HTTPAddress that of the other one.
	Address, HTTPAddress string
	// Link is before Address if the options ask for it, else nil.
	Link *Link

	program        program
	dir            string
	port, httpPort string

	process *exec.Cmd
	input   io.Closer
	ended   chan struct{} // closed when the process has
}

// How long a node may take to answer, and how often it is asked.
const (
	startTimeout  = time.Minute
	startInterval = 20 * time.Millisecond
)

// PID is that of the process, which is another one after [Node.Start].
func (n *Node) PID() int { return n.process.Process.Pid }

// Start starts a node that was killed or stopped, on what it has on its disk, and waits until it answers.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	n.launch(t)
	n.await(t)
}

// Kill ends the process at once, if it has not ended by itself.
func (n *Node) Kill(t testing.TB) {
	t.Helper()
	if err := n.process.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(t, err)
	}
	<-n.ended
}

// Revive starts the node again if it has ended by itself: one that is made of the library does of a client that gives a wrong password, speaks
// TLS, or is gone in the middle of a packet. One that resets its connection does no harm, see library/node.c.
func (n *Node) Revive(t testing.TB) {
	t.Helper()
	select {
	case <-n.ended:
		n.Start(t)
	default:
	}
}

// Pause halts the process, which keeps its connections.
func (n *Node) Pause(t testing.TB) {
	t.Helper()
	n.signal(t, syscall.SIGSTOP)
}

// Resume lets a process that was paused go on.
func (n *Node) Resume(t testing.TB) {
	t.Helper()
	n.signal(t, syscall.SIGCONT)
}

func (n *Node) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	require.NoError(t, n.process.Process.Signal(s))
}

// Query runs a statement as the user default, past the native protocol, and returns the answer, tab-separated.
func (n *Node) Query(t testing.TB, statement string) string {
	t.Helper()
	answer, err := n.query(statement)
	require.NoError(t, err, statement)
	return answer
}

func (n *Node) query(statement string) (string, error) {
	response, err := http.Post("http://"+n.HTTPAddress+"/", "text/plain", strings.NewReader(statement)) //nolint:noctx // a test ends it by its own timeout
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(answer))
	}
	return string(bytes.TrimSuffix(answer, []byte("\n"))), err
}

func (n *Node) launch(t testing.TB) {
	t.Helper()
	output, err := os.OpenFile(filepath.Join(n.dir, outputName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer func() { _ = output.Close() }() // the process has its own
	n.process = exec.Command(n.program.command[0], n.program.arguments(n.dir, n.port, n.httpPort)...)
	n.process.Dir, n.process.Stdout, n.process.Stderr = n.dir, output, output
	// A launcher of the library ends when this pipe does.
	n.input, err = n.process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, n.process.Start())
	ended, process := make(chan struct{}), n.process
	n.ended = ended
	go func() {
		defer close(ended)
		_ = process.Wait()
	}()
}

// await waits until the node answers.
func (n *Node) await(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(startInterval)
	defer tick.Stop()
	late := time.After(startTimeout)
	for {
		if answer, err := n.query("SELECT 1"); err == nil && answer == "1" {
			return
		}
		select {
		case <-n.ended:
			require.FailNow(t, "a node of ClickHouse has ended", "%s", n.complaints())
		case <-late:
			require.FailNow(t, "a node of ClickHouse does not answer", "%s after %s", n.Address, startTimeout)
		case <-tick.C:
		}
	}
}

// complaintsBytes is how much is shown of a log.
const complaintsBytes = 4096

// complaints is what the node has printed and logged, which is warnings and errors: what it died of, else the last of it.
func (n *Node) complaints() string {
	var said strings.Builder
	for _, name := range []string{outputName, logName} {
		text, err := os.ReadFile(filepath.Join(n.dir, name))
		if err != nil {
			continue
		}
		if fatal := bytes.Index(text, []byte("<Fatal>")); fatal >= 0 {
			text = text[fatal:min(len(text), fatal+complaintsBytes)]
		}
		said.Write(text[max(0, len(text)-complaintsBytes):])
	}
	return said.String()
}

// end kills the process if there is one, and waits for its end.
func (n *Node) end() {
	if n.ended == nil {
		return
	}
	_ = n.process.Process.Kill()
	<-n.ended
	_ = n.input.Close()
}

// Client is a process beside the nodes that runs a statement as ClickHouse's own client does, on one machine: it may read files here, and
// reach nodes by the function remote.
func (n *Node) Client(statement string) *exec.Cmd {
	args := slices.Concat(n.program.command[1:], []string{"--query", statement})
	if !n.program.local {
		args = []string{"local", "--query", statement}
	}
	return exec.Command(n.program.command[0], args...)
}
