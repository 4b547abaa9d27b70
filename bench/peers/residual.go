//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"
)

// residual is the engine as its users run it: residual serve, and residual ingest beside it.
type residual struct {
	program string
	dir     string
	flags   []string // of serve
	server  *server
}

// Names of Residual in the ledger.
const (
	residualName      = "Residual"
	residualNeverName = "Residual, --sync never"
	libraryName       = "Residual, library" // engine.Open in the process that asks
)

func residualEngine(program, name, sync, guarantee string) engine {
	return engine{
		name: name, guarantee: guarantee, loadOnly: sync != "always",
		open: func(ctx context.Context, dir string) (store, error) {
			r, err := startResidual(ctx, program, dir, "--sync", sync)
			if err != nil {
				return nil, err // not r, which would be a store that is not nil
			}
			return r, nil
		},
	}
}

// startResidual keeps all sealed columns in memory, as the budget of memory supposes.
func startResidual(ctx context.Context, program, dir string, flags ...string) (*residual, error) {
	r := &residual{program: program, dir: dir, flags: append([]string{"--memory-limit", "8GiB"}, flags...)}
	return r, r.start(ctx)
}

func (r *residual) start(ctx context.Context) (err error) {
	r.server, err = startServer(ctx, r.program, r.dir, r.flags...)
	return err
}

func (r *residual) load(ctx context.Context, d dataset) (loadCost, error) {
	ingest := exec.CommandContext(ctx, r.program, "ingest", "--progress", "never", "--server", "http://"+r.server.address, d.file)
	begin := time.Now()
	if out, err := ingest.CombinedOutput(); err != nil {
		return loadCost{}, fmt.Errorf("residual ingest: %w: %s", err, out)
	}
	c := loadCost{took: time.Since(begin)}
	c.loaderCPU, c.loaderMax = cost(ingest.ProcessState)
	return c, nil
}

// settle lets the background end, stops and starts the server, which checkpoints, lets the merges after it end, and
// counts what a second stop leaves on disk. Of the log only what is in it counts, which is nothing unless the stop had
// no time for a checkpoint: its preallocated file is as large for one row.
func (r *residual) settle(ctx context.Context) (int64, error) {
	for range 2 {
		if err := r.server.quiet(ctx); err != nil {
			return 0, err
		}
		if err := r.server.stop(); err != nil {
			return 0, err
		}
		if err := r.start(ctx); err != nil {
			return 0, err
		}
	}
	if err := r.server.stop(); err != nil {
		return 0, err
	}
	bytes, err := onDisk(r.dir, "wal")
	if err != nil {
		return 0, err
	}
	if err := r.start(ctx); err != nil {
		return 0, err
	}
	values, err := r.server.gauges(ctx)
	return bytes + int64(values["residual_log_bytes"]), err
}

func (r *residual) restart(ctx context.Context, q question, d dataset) (time.Duration, error) {
	if err := r.server.stop(); err != nil {
		return 0, err
	}
	took, err := r.firstAnswer(ctx, q, d)
	if err != nil {
		return 0, err
	}
	return took, r.server.quiet(ctx) // what it still reads into memory counts as resident
}

// firstAnswer starts the server and asks.
func (r *residual) firstAnswer(ctx context.Context, q question, d dataset) (time.Duration, error) {
	if err := r.start(ctx); err != nil {
		return 0, err
	}
	_, err := r.ask(ctx, q, d)
	return time.Since(r.server.started), err
}

func (r *residual) ask(ctx context.Context, q question, d dataset) (answer, error) {
	body, err := r.server.get(ctx, q.path(d))
	if err != nil {
		return nil, err
	}
	var reply struct{ Data answer }
	return reply.Data, json.Unmarshal(body, &reply)
}

func (r *residual) latencies(ctx context.Context, q question, d dataset, e effort) ([]float64, error) {
	conn, err := dialHTTP(ctx, r.server.address)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	request := getRequest(q.path(d))
	return repeat(e, func() error { _, err := conn.do(request); return err })
}

func (r *residual) throughput(ctx context.Context, q question, d dataset, clients int, e effort) (float64, error) {
	request, end := getRequest(q.path(d)), time.Now().Add(e.duration())
	times, took, err := httpLoad(ctx, r.server.address, clients, func() []byte {
		if time.Now().After(end) {
			return nil
		}
		return request
	})
	return float64(len(times)) / took.Seconds(), err
}

func (r *residual) usage() (usage, error) { return r.server.usage() }

func (r *residual) close() error { return r.server.stop() }

// timesMax bounds the times of one question that are kept of a run.
const timesMax = 20_000

// repeat asks a few times to warm up, then as the effort wants, and returns the times in milliseconds.
func repeat(e effort, ask func() error) ([]float64, error) {
	for range 3 {
		if err := ask(); err != nil {
			return nil, err
		}
	}
	var times []float64
	end := time.Now().Add(e.duration())
	for len(times) < e.least || time.Now().Before(end) && len(times) < timesMax {
		begin := time.Now()
		if err := ask(); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(begin))/1e6)
	}
	return times, nil
}
