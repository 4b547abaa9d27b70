package source

import "github.com/residualdb/residual/source/internal/connector"

// Status is how a connector does.
type Status struct {
	// Name is that of the data source, Kind that of the place, "kafka" or "files", and Place the place as a person names it.
	Name, Kind, Place string
	Snapshot
}

type (
	// Snapshot is how a connector does at a moment.
	Snapshot = connector.Snapshot

	// State is what a connector does.
	State = connector.State

	// Lag is what there is to read outside that is not stored; each of its values is [Unknown] where that is not known.
	Lag = connector.Lag

	// Counts count what became of what a connector read, since the process began.
	Counts = connector.Counts
)

// The states of a connector.
const (
	Starting = connector.Starting
	Running  = connector.Running
	Paused   = connector.Paused
	Failing  = connector.Failing
	Stopped  = connector.Stopped
)

// Unknown is the value of a lag that is not known.
const Unknown = connector.Unknown
