package clickhouse

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestComplaints: a node logs what goes wrong, and spends nothing on telling what it does.
func TestComplaints(t *testing.T) {
	n := Start(t, Options{}).Nodes[0]
	n.Query(t, "SELECT 1")
	_, err := n.query("SELECT 1 FROM nobody")
	require.Error(t, err)
	require.Contains(t, n.complaints(), "nobody")
	require.NotContains(t, n.complaints(), "<Debug>")
	require.NotContains(t, n.complaints(), "<Trace>")
}

// TestLostClients: clients that reset their connections, as a question that is cancelled does, do not end a node.
func TestLostClients(t *testing.T) {
	n := Start(t, Options{}).Nodes[0]
	before := n.PID()
	for range 20 {
		c, err := net.Dial("tcp", n.Address)
		require.NoError(t, err)
		_, err = c.Write([]byte("\x00\x04test\x01\x01\xd8\xa9\x03\x00\x08residual\x06secret")) // the greeting of a client of version 1.1, revision 54488
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).SetLinger(0))
		require.NoError(t, c.Close())
		require.Equal(t, "1", n.Query(t, "SELECT 1"))
	}
	n.Revive(t)
	require.Equal(t, before, n.PID())
}
