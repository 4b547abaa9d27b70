//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Measures of Residual alone.
const (
	underIngestMs = "ms under ingest: metrics 24 h"
	afterIngestMs = "ms after ingest: metrics 24 h"
	crashMs       = "restart after a crash, ms"
	crashLogBytes = "log at the crash, bytes"
	crashLogRows  = "rows in the log at the crash"
	ackMs         = "ack ms, 64 clients"
	ackRate       = "rows/s, 64 clients"
	ackPerSync    = "requests per sync, 64 clients"
)

// measureResidual goes on with the directory of a server that was closed: it asks the library, and goes on with [bench.crash].
func (b *bench) measureResidual(ctx context.Context, d dataset, r *residual, deep depth) error {
	db, err := openLibrary(r.dir)
	if err != nil {
		return err
	}
	err = b.questions(ctx, d, libraryName, db, deep)
	if err := errors.Join(err, db.close()); err != nil || deep == brief {
		return err
	}

	return b.crash(ctx, d, r)
}

// crash starts a server that asks and takes in another day, kills it, and measures the start after that.
func (b *bench) crash(ctx context.Context, d dataset, r *residual) error {
	busy := *r
	busy.flags = append(append([]string{}, r.flags...), "--checkpoint-bytes", "1TiB") // the log keeps all that comes
	if err := busy.start(ctx); err != nil {
		return err
	}
	if err := b.underIngest(ctx, d, &busy); err != nil {
		return errors.Join(err, busy.server.kill())
	}
	values, err := busy.server.gauges(ctx)
	if err := errors.Join(err, busy.server.kill()); err != nil {
		return err
	}
	b.ledger.add(d.name, residualName, crashLogBytes, values["residual_log_bytes"])
	b.ledger.add(d.name, residualName, crashLogRows, values["residual_rows_total"])
	took, err := busy.firstAnswer(ctx, metrics24h(), d)
	if err != nil {
		return err
	}
	b.ledger.add(d.name, residualName, crashMs, took.Seconds()*1000)
	return busy.server.kill()
}

// underIngest asks for the metrics of the last day for as long as that day is being taken in at full speed, and once
// more when all is quiet.
func (b *bench) underIngest(ctx context.Context, d dataset, r *residual) error {
	conn, err := dialHTTP(ctx, r.server.address)
	if err != nil {
		return err
	}
	defer conn.close()
	loaded := make(chan error, 1)
	go func() {
		_, err := r.load(ctx, b.next)
		loaded <- err
	}()
	request := getRequest(metrics24h().path(b.next))
	var times []float64
	for done := false; !done; {
		select {
		case err := <-loaded:
			if err != nil {
				return err
			}
			done = true
		default:
			begin := time.Now()
			if _, err := conn.do(request); err != nil {
				return errors.Join(err, <-loaded)
			}
			times = append(times, float64(time.Since(begin))/1e6)
		}
	}
	b.ledger.addTimes(d.name, residualName, underIngestMs, times)
	if err := r.server.quiet(ctx); err != nil {
		return err
	}
	idle, err := r.latencies(ctx, metrics24h(), b.next, b.effort)
	b.ledger.addTimes(d.name, residualName, afterIngestMs, idle)
	return err
}

func readHead(name string, most int) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	lines := make([]byte, min(int64(most), info.Size()))
	if _, err := file.ReadAt(lines, 0); err != nil {
		return nil, err
	}
	return lines[:bytes.LastIndexByte(lines, '\n')+1], nil
}

// Of the acks: so many clients, each of which sends the next events when the last are answered, and events per request.
const (
	ackClients = 64
	ackRows    = 100
	ackBytes   = 100 << 20 // of events in all
)

// acks lets many clients send small requests, with and without sync before the answer, in alternation.
func (b *bench) acks(ctx context.Context, d dataset) error {
	lines, err := readHead(d.file, ackBytes)
	if err != nil {
		return err
	}
	requests := eventsRequests(lines, ackRows)
	for run := range b.runs {
		for i := range 2 {
			policy := [...]string{"always", "never"}[(run+i)%2]
			if err := b.ackRun(ctx, d, policy, requests); err != nil {
				return fmt.Errorf("%d clients, --sync %s: %w", ackClients, policy, err)
			}
		}
		b.say("%s: run %d of %d: %d clients with %d rows a request", d.name, run+1, b.runs, ackClients, ackRows)
	}
	return nil
}

func (b *bench) ackRun(ctx context.Context, d dataset, policy string, requests [][]byte) (err error) {
	dir := filepath.Join(b.dir, "acks")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := startServer(ctx, b.program, dir, "--sync", policy)
	if err != nil {
		return err
	}
	left := requests
	times, took, err := httpLoad(ctx, server.address, ackClients, func() []byte {
		if len(left) == 0 {
			return nil
		}
		request := left[0]
		left = left[1:]
		return request
	})
	if err != nil {
		return errors.Join(err, server.kill())
	}
	values, err := server.gauges(ctx)
	if err := errors.Join(err, server.kill()); err != nil {
		return err
	}
	if got, want := values["residual_rows_total"], float64(len(requests)*ackRows); got != want {
		return fmt.Errorf("%.0f rows stored instead of %.0f", got, want)
	}
	name := residualName
	if policy == "never" {
		name = residualNeverName
	} else {
		b.ledger.add(d.name, name, ackPerSync, values["residual_log_records_total"]/values["residual_log_groups_total"])
	}
	b.ledger.addTimes(d.name, name, ackMs, times)
	b.ledger.add(d.name, name, ackRate, float64(len(requests)*ackRows)/took.Seconds())
	return nil
}

// eventsRequests cuts lines into requests of so many rows; a rest is left out.
func eventsRequests(lines []byte, rows int) [][]byte {
	var requests [][]byte
	begin, count := 0, 0
	for i, c := range lines {
		if c != '\n' {
			continue
		}
		if count++; count == rows {
			requests = append(requests, eventsRequest(lines[begin:i+1]))
			begin, count = i+1, 0
		}
	}
	return requests
}
