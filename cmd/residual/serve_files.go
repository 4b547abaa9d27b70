package main

import (
	"fmt"
	"log/slog"
	"syscall"

	"github.com/residualdb/residual/httpapi"
)

const (
	// filesKept are the files that are open beside connections: up to 64 packs, the directories, locks and log files of
	// the store, what a checkpoint writes, tokens, the listener and what the runtime has. The rest is room for
	// connections that are being refused.
	filesKept = 128
	// connsMin is how many connections a server has room for at least.
	connsMin = 16
)

// withinFiles lowers the limit of connections to what fits beside the store into the process' limit of open files: a
// store that cannot open its next file takes no events. The runtime has raised the soft limit to the hard one.
func withinFiles(limits httpapi.Limits, log *slog.Logger) (httpapi.Limits, error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return limits, fmt.Errorf("limit of open files: %w", err)
	}
	room := uint64(files.Cur) - filesKept //nolint:unconvert // The types differ between systems.
	switch {
	case files.Cur < filesKept+connsMin:
		return limits, fmt.Errorf("the process may have %d files open, and needs %d: raise the hard limit, as with 'ulimit -n' or LimitNOFILE=",
			files.Cur, filesKept+connsMin)
	case room < uint64(limits.ConnsMax):
		log.Warn("fewer connections than usual fit into the limit of open files", "files", files.Cur, "connections", room)
		limits.ConnsMax = int(room)
		limits.ConnsPerIPMax = min(limits.ConnsPerIPMax, limits.ConnsMax/2)
	}
	return limits, nil
}
