package workspace

import "errors"

var (
	// ErrFiles is returned for files that no project may have. Its text is for the client.
	ErrFiles = errors.New("project files")

	// ErrNotFound is returned for a deployment that there is not.
	ErrNotFound = errors.New("no such deployment")

	// ErrRefused is returned where the server does not do it, whatever the project. Its text is for the client.
	ErrRefused = errors.New("not here")

	// ErrBusy is returned where another server that shares the deployments changes them at the same time. Nothing is changed.
	ErrBusy = errors.New("being deployed")

	// ErrUnknown is returned when it is not known whether the deployment is stored.
	ErrUnknown = errors.New("outcome unknown")
)
