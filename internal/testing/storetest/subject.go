package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/residualdb/residual/httpapi"
)

// Store is all that the surface asks of a store.
type Store interface {
	httpapi.Store
	httpapi.ActualsStore
	httpapi.OriginStore
	httpapi.ReportStore
	httpapi.RowStore
	httpapi.DeletingStore

	// Positions are the values of a source by their parts.
	Positions(source string) map[string]string
	Close() error
}

// Options are what a test asks of its store.
type Options struct {
	// Now is the clock of the store.
	Now func() time.Time
	// ActualsTTL is how long an actual is remembered, zero for the default.
	ActualsTTL time.Duration
}

// Subject is a kind of store.
type Subject struct {
	// New makes an empty store and returns what opens it. Where Doors is set it may be opened several times at once, as by several servers;
	// else it is closed before it is opened again. Who opens closes.
	New   func(t *testing.T, opts Options) (open func(t *testing.T) Store)
	Doors bool
	// CountsReplaced is set for a store that knows how many rows it replaces.
	CountsReplaced bool
	// Without has the tests that the store fails by design, by the beginnings of their names: each is to be said in its documentation.
	Without []string
}

// Now is where the clock stands when a test begins.
func Now() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

// Run holds a store to the contract.
func Run(t *testing.T, s Subject) {
	t.Helper()
	for _, c := range tests() {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range s.Without {
				if strings.HasPrefix(c.name, name) {
					t.Skip("not promised by this store")
				}
			}
			c.run(newWorld(t, &s))
		})
	}
}

type test struct {
	name string
	run  func(w *world)
}

func tests() []test {
	var all []test
	for _, topic := range [][]test{
		identityTests(), actualTests(), selectionTests(), windowTests(), reportTests(), bucketTests(), driftTests(), fleetTests(), rowTests(), deletionTests(),
		rejectTests(), onceTests(), visibilityTests(), positionTests(), refusalTests(),
	} {
		all = append(all, topic...)
	}
	return all
}
