package thread

import (
	"runtime"
	"sync"
)

// Background runs functions, one after the other, on each of its threads, which give way. A nil Background runs them
// where they are. Its methods are safe for concurrent use.
type Background struct {
	jobs    chan job
	stop    chan struct{}
	running sync.WaitGroup
}

type job struct {
	run  func()
	over chan<- any
}

// Start returns a Background whose threads live until Stop.
func Start(threads int) *Background {
	b := &Background{jobs: make(chan job), stop: make(chan struct{})}
	for range threads {
		b.running.Go(b.run)
	}
	return b
}

func (b *Background) run() {
	GiveWay()
	for {
		select {
		case j := <-b.jobs:
			j.over <- guarded(j.run)
		case <-b.stop:
			return
		}
	}
}

// Do runs f and returns when it has. A panic of f is one of the caller.
func (b *Background) Do(f func()) {
	if b == nil {
		f()
		return
	}
	over := make(chan any, 1)
	select {
	case b.jobs <- job{f, over}:
		if fault := <-over; fault != nil {
			panic(fault)
		}
	case <-b.stop:
		f()
	}
}

// Stop ends the threads, once, when the functions that they run are over. Later ones run where they are.
func (b *Background) Stop() {
	if b != nil {
		close(b.stop)
		b.running.Wait()
	}
}

// guarded runs f and returns what it panicked with, or nil.
func guarded(f func()) (fault any) {
	defer func() { fault = recover() }()
	f()
	return nil
}

// GiveWay binds the calling goroutine to a thread, which gives way to all others from now on and ends with the goroutine.
func GiveWay() {
	runtime.LockOSThread()
	lower()
}
