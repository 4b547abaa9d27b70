package thread

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// spare moves threads. Those that give way are known by their priority: where the calling thread has no higher one,
// they cannot be told from others, and stay where they are.
func spare(on bool) {
	var processors unix.CPUSet
	if givesWay(0) || unix.SchedGetaffinity(0, &processors) != nil || processors.Count() < 2 {
		return
	}
	if on {
		processors.Clear(firstProcessor(&processors))
	}
	for _, id := range threads() {
		if givesWay(id) {
			_ = unix.SchedSetaffinity(id, &processors)
		}
	}
}

// givesWay tells it of one thread of this process, or of the calling one, which 0 means.
func givesWay(id int) bool {
	kernel, err := unix.Getpriority(unix.PRIO_PROCESS, id)
	return err == nil && 20-kernel >= niceness
}

// firstProcessor is the lowest processor of a set that is not empty.
func firstProcessor(processors *unix.CPUSet) int {
	for cpu := 0; ; cpu++ {
		if processors.IsSet(cpu) {
			return cpu
		}
	}
}

// threads are those of the process at this moment.
func threads() (ids []int) {
	dir, err := os.Open("/proc/self/task")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }() // it was only read
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if id, err := strconv.Atoi(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
