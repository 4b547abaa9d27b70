package serve

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"syscall"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

const (
	// memoryLimitMin leaves room for events beside what an idle server needs.
	memoryLimitMin = 64 << 20

	// programBytes is what the process may occupy beside the memory that the runtime manages: 16 MiB of the program's own
	// pages, stacks of threads, and what the collector is late by. A load of 2 M rows into a limit of 64 MiB came to 67 MiB
	// with it, and with 16 MiB to 73 to 79.
	programBytes = 24 << 20
)

// memoryPlan divides --memory-limit.
type memoryPlan struct {
	// managed is what the runtime manages. The collector works towards it, and where it cannot keep it events are refused:
	// see Limits in docs/http.md.
	managed int64

	// Parts of the store, in bytes but for keys.
	columns, heads, actuals, rejects, positions int64
	keys                                        int

	http httpapi.Limits
}

func planMemory(limit int64) memoryPlan {
	managed := limit - programBytes
	conns := int(min(limit/8/httpapi.ConnBytes, 8192))
	return memoryPlan{
		managed:   managed,
		columns:   managed / 4, // sealed, as far as they fit
		heads:     managed / 8, // rows that are not sealed
		actuals:   min(managed/16, 2<<30),
		rejects:   min(managed/16, engine.QuarantineBytesMax),
		positions: min(managed/16, 2<<30),
		keys:      int(min(managed/16/engine.KeyMemoryBytes, engine.KeysMax)),
		http: httpapi.Limits{
			HeapBytesMax:     managed / 5 * 4, // above it no events are taken
			BodyBytesMax:     min(limit/8, 64<<20),
			InFlightBytesMax: min(limit/8, 256<<20),
			AnswerBytesMax:   min(limit/8, 256<<20),
			ConnsMax:         conns,
			ConnsPerIPMax:    min(conns/2, 1024),
			// What so many requests hold beside their bodies is a sixteenth of the memory, and their bodies an eighth if they
			// are those of residual ingest, of 4 MiB. The others wait for a slot where they cost a connection.
			IngestsMax: int(min(limit/(32<<20), 256)),
		},
	}
}

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

// threadsPerProcessor is how many threads share a processor while the server runs. With one, a query that comes while
// ingest keeps all of them busy waits until a goroutine has used up its 10 ms. With more, one is left to take the
// query, and the kernel runs it at once, because the long work of ingest is on threads that give way (package thread).
// On 2 processors, a load of 3 M rows beside one client that asks some 150 times a second: the p99 of a query, for which
// the budget is 5 ms, is 27 ms with one, 23 ms with two, and 2.8 ms with four; the load takes as long with four as with one.
const threadsPerProcessor = 4

// shareProcessors lets threads share the processors until the returned function is called, unless the environment says
// GOMAXPROCS.
func shareProcessors() (restore func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	processors := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(threadsPerProcessor * processors)
	return func() { runtime.GOMAXPROCS(processors) }
}
