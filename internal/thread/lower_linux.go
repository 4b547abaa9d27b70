package thread

import "golang.org/x/sys/unix"

// niceness leaves a thread a tenth of what one of normal priority gets where both want all of a processor: enough to
// end its work, and to come to where the garbage collector may stop it.
const niceness = 10

// lower lowers the priority of the calling thread, which 0 means, because Linux counts priority by thread. Lowering
// needs no rights, and where it is refused the thread stays as it is. Threads that the runtime makes later do not
// inherit it: it clones none that is locked.
func lower() {
	if kernel, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && 20-kernel < niceness {
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	}
}
