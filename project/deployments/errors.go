package deployments

import "errors"

var (
	// ErrCorrupt is returned for files that are not as they were written.
	ErrCorrupt = errors.New("deployments: damaged")

	// ErrVersion is returned for files of a later version of this package.
	ErrVersion = errors.New("deployments: of a later version")

	// ErrNotFound is returned for a deployment that there is not, or no more.
	ErrNotFound = errors.New("deployments: no such deployment")

	// ErrLive is returned where the live deployment would be discarded.
	ErrLive = errors.New("deployments: live")

	// ErrBusy is returned where another server has changed the deployments at the same time: nothing is changed, and it can be tried again.
	ErrBusy = errors.New("deployments: busy")

	// ErrUnknown is returned when it is not known whether a change is durable. A new start tells.
	ErrUnknown = errors.New("deployments: outcome unknown")
)
