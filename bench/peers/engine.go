//go:build linux

package main

import (
	"context"
	"time"
)

// engine is one way to keep the events and answer the questions.
type engine struct {
	name string

	// guarantee says what a load that was answered has reached.
	guarantee string

	// open starts the engine over an empty directory.
	open func(ctx context.Context, dir string) (store, error)

	// loadOnly leaves out what does not differ from another engine: questions and restart.
	loadOnly bool
}

// store is an engine over its own directory.
type store interface {
	asker

	// load takes in the file, and returns when the engine answers for it.
	load(ctx context.Context, d dataset) (loadCost, error)

	// settle merges and compresses what the engine would in time, and returns the bytes on disk.
	settle(ctx context.Context) (int64, error)

	// restart closes the store, opens it again, and returns the time from there to the first answer. A peer's time begins when
	// its library is in memory, Residual's when its process is started.
	restart(ctx context.Context, q question, d dataset) (time.Duration, error)

	// usage of the engine's own process since it began.
	usage() (usage, error)

	close() error
}

// asker answers questions.
type asker interface {
	ask(ctx context.Context, q question, d dataset) (answer, error)

	// latencies asks as often as the effort wants, one question after the other, and returns the times in milliseconds.
	latencies(ctx context.Context, q question, d dataset, e effort) ([]float64, error)

	// throughput returns questions per second of so many clients that each ask the next as soon as the last is answered.
	throughput(ctx context.Context, q question, d dataset, clients int, e effort) (float64, error)
}

// loadCost is the time of a load, and what a process beside the engine's own needed for it.
type loadCost struct {
	took      time.Duration
	loaderCPU time.Duration
	loaderMax int64 // bytes of memory at most
}

// effort is how long and how often at least something is repeated.
type effort struct {
	seconds float64
	least   int
}

func (e effort) duration() time.Duration { return time.Duration(e.seconds * float64(time.Second)) }
