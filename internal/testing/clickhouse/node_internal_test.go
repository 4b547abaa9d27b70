package clickhouse

import (
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
