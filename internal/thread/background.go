package thread

import "runtime"

// Background runs functions, one after the other, on a thread that gives way. A nil Background runs them where they
// are. Its methods are safe for concurrent use.
type Background struct {
	jobs chan job
	stop chan struct{}
	done chan struct{}
}

type job struct {
	run  func()
	over chan<- any
}

// Start returns a Background whose thread lives until Stop.
func Start() *Background {
	b := &Background{jobs: make(chan job), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		GiveWay()
		for {
			select {
			case j := <-b.jobs:
				j.over <- guarded(j.run)
			case <-b.stop:
				return
			}
		}
	}()
	return b
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

// Stop ends the thread, once, when the function that it runs is over. Later ones run where they are.
func (b *Background) Stop() {
	if b != nil {
		close(b.stop)
		<-b.done
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
