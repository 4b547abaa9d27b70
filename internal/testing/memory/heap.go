package memory

import "runtime"

// Live returns the bytes that the heap holds after a collection.
func Live() int64 {
	runtime.GC()
	runtime.GC() // a pool keeps what it holds over the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Allocated returns how many bytes f allocates.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
