//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Measures in the ledger; those of a question are its name behind the prefix.
const (
	loadSeconds   = "load seconds"
	loadCPU       = "load CPU seconds"
	loaderCPU     = "loader CPU seconds"
	loadPeak      = "peak memory of the load"
	bytesOnDisk   = "bytes on disk"
	residentBytes = "resident memory"
	restartMs     = "restart to first answer, ms"
	askMs         = "ms: "
	askRate       = "questions/s, clients: "
)

// clientCounts are how many clients ask at a time.
var clientCounts = [...]int{1, 8, 64}

// bench is one run of the program.
type bench struct {
	program string // the built residual
	dir     string // for data
	runs    int
	effort  effort
	ledger  ledger

	// next is taken in on top of what is there, while questions are asked.
	next dataset

	// truth has the first answer to each question of each dataset, and who gave it.
	truth map[string]truth
	say   func(format string, args ...any)
}

type truth struct {
	answer answer
	engine string
}

// depth is how much is measured of an engine.
type depth uint8

const (
	brief depth = iota // load, size, two questions
	whole              // everything
)

// alternate runs all engines on the dataset, as often as asked, each time beginning with another.
func (b *bench) alternate(ctx context.Context, d dataset, engines []engine, deep depth) error {
	for _, e := range engines {
		b.ledger.Guarantees[e.name] = e.guarantee
	}
	for run := range b.runs {
		for i := range engines {
			e := engines[(run+i)%len(engines)]
			begin := time.Now()
			if err := b.measure(ctx, d, e, deep); err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, d.name, err)
			}
			rate := float64(d.rows) / last(b.ledger.at(d.name, e.name, loadSeconds))
			b.say("%s: run %d of %d: %s: %.0f rows/s loaded, %.0f s in all", d.name, run+1, b.runs, e.name, rate, time.Since(begin).Seconds())
		}
	}
	return nil
}

func last(s *samples) float64 { return s.Values[len(s.Values)-1] }

// measure is one run of one engine, from an empty directory.
func (b *bench) measure(ctx context.Context, d dataset, e engine, deep depth) (err error) {
	dir := filepath.Join(b.dir, "store")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	syscall.Sync() // what the engine before has left unwritten is not this one's to wait for
	s, err := e.open(ctx, dir)
	if err != nil {
		return err
	}
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, s.close())
		}
	}()
	add := func(measure string, value float64) { b.ledger.add(d.name, e.name, measure, value) }

	if err := b.measureLoad(ctx, d, e, s); err != nil {
		return err
	}
	if err := b.check(ctx, d, e.name, s); err != nil {
		return err
	}
	bytes, err := s.settle(ctx)
	if err != nil {
		return err
	}
	add(bytesOnDisk, float64(bytes))
	if e.loadOnly {
		return nil
	}
	restarted, err := s.restart(ctx, metrics24h(), d)
	if err != nil {
		return err
	}
	add(restartMs, restarted.Seconds()*1000)
	if err := b.questions(ctx, d, e.name, s, deep); err != nil {
		return err
	}
	used, err := s.usage()
	if err != nil {
		return err
	}
	add(residentBytes, float64(used.resident))
	closed = true
	if err := s.close(); err != nil {
		return err
	}
	if r, ok := s.(*residual); ok {
		return b.measureResidual(ctx, d, r, deep)
	}
	return nil
}

func (b *bench) measureLoad(ctx context.Context, d dataset, e engine, s store) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	cost, err := s.load(ctx, d)
	if err != nil {
		return err
	}
	after, err := s.usage()
	if err != nil {
		return err
	}
	b.ledger.add(d.name, e.name, loadSeconds, cost.took.Seconds())
	b.ledger.add(d.name, e.name, loadCPU, (after.cpu - before.cpu).Seconds())
	b.ledger.add(d.name, e.name, loadPeak, float64(after.peak+cost.loaderMax))
	if cost.loaderCPU > 0 {
		b.ledger.add(d.name, e.name, loaderCPU, cost.loaderCPU.Seconds())
	}
	return nil
}

// check compares the answers to all questions with those that came first.
func (b *bench) check(ctx context.Context, d dataset, name string, a asker) error {
	for _, q := range questions() {
		got, err := a.ask(ctx, q, d)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		key := d.name + ", " + q.name
		first, ok := b.truth[key]
		if !ok {
			if len(got) == 0 && q == metrics90d() {
				return fmt.Errorf("%s: no rows, so that nothing would be measured", q.name)
			}
			b.truth[key] = truth{got, name}
			continue
		}
		if err := compare(first.answer, got); err != nil {
			return fmt.Errorf("%s: a wrong answer, here or by %s: %w", q.name, first.engine, err)
		}
	}
	return nil
}

// questions checks the answers once more, since the store was settled and opened again, and then takes times.
func (b *bench) questions(ctx context.Context, d dataset, name string, a asker, deep depth) error {
	if err := b.check(ctx, d, name, a); err != nil {
		return err
	}
	asked, e := questions(), b.effort
	if deep == brief {
		asked = []question{metrics24h(), metrics90d(), drift168h()}
		e.seconds /= 4
	}
	for _, q := range asked {
		times, err := a.latencies(ctx, q, d, e)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		b.ledger.addTimes(d.name, name, askMs+q.name, times)
	}
	if deep == brief {
		return nil
	}
	for _, clients := range clientCounts {
		rate, err := a.throughput(ctx, metrics24h(), d, clients, e)
		if err != nil {
			return fmt.Errorf("%d clients: %w", clients, err)
		}
		b.ledger.add(d.name, name, fmt.Sprint(askRate, clients), rate)
	}
	return nil
}
