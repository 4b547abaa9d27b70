//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// grow streams a large workload into Residual alone: nothing of it is stored but by the store. It is loaded once.
func (b *bench) grow(ctx context.Context, rows int64) (err error) {
	d := mainShape().dataset(rows)
	d.asked = series{"model_7", "v7.1", "production"} // any will do; the file's end is not seen
	b.describe(d)
	dir := filepath.Join(b.dir, "growth")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := b.streamed(ctx, d, dir)
	if err != nil {
		return err
	}
	took, err := r.restart(ctx, metrics24h(), d)
	if err != nil {
		return err
	}
	b.ledger.add(d.name, residualName, restartMs, took.Seconds()*1000)
	for range b.runs {
		if err := b.questions(ctx, d, residualName, r, brief); err != nil {
			return errors.Join(err, r.server.kill())
		}
	}
	used, err := r.usage()
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	b.ledger.add(d.name, residualName, residentBytes, float64(used.resident))
	for range b.runs {
		if err := b.measureResidual(ctx, d, r, brief); err != nil {
			return err
		}
	}
	return b.crash(ctx, d, r)
}

// streamed returns Residual with the rows of a dataset, settled and counted. It keeps the time of the load and the
// bytes on disk.
func (b *bench) streamed(ctx context.Context, d dataset, dir string, flags ...string) (*residual, error) {
	r, err := startResidual(ctx, b.program, dir, flags...)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := b.stream(ctx, d, r); err != nil {
		return nil, errors.Join(err, r.server.kill())
	}
	b.ledger.add(d.name, residualName, loadSeconds, time.Since(begin).Seconds())
	b.say("%s: %.0f rows/s streamed", d.name, float64(d.rows)/time.Since(begin).Seconds())
	bytes, err := r.settle(ctx)
	if err != nil {
		return nil, err
	}
	b.ledger.add(d.name, residualName, bytesOnDisk, float64(bytes))
	if err := r.server.quiet(ctx); err != nil {
		return nil, errors.Join(err, r.server.kill())
	}
	counted := time.Now()
	total, err := r.countAll(ctx, d)
	b.ledger.add(d.name, residualName, countMs, time.Since(counted).Seconds()*1000)
	if err == nil && total != d.rows {
		err = fmt.Errorf("%s: a wrong answer: %d rows counted instead of %d", d.name, total, d.rows)
	}
	if err != nil {
		return nil, errors.Join(err, r.server.kill())
	}
	return r, nil
}

// stream pipes residual generate into residual ingest.
func (b *bench) stream(ctx context.Context, d dataset, r *residual) error {
	generate := exec.CommandContext(ctx, b.program, append([]string{"generate"}, d.flags...)...)
	ingest := exec.CommandContext(ctx, b.program, "ingest", "--progress", "never", "--server", "http://"+r.server.address, "-")
	out, err := generate.StdoutPipe()
	if err != nil {
		return err
	}
	ingest.Stdin = out
	var said strings.Builder
	ingest.Stdout, ingest.Stderr = &said, &said
	if err := errors.Join(generate.Start(), ingest.Start()); err != nil {
		return err
	}
	failed := ingest.Wait()
	_ = out.Close() // so that the generator ends even if nobody reads it to its end
	if err := errors.Join(failed, generate.Wait()); err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return nil
}

// idleFor is how long the server is left alone before its models count as idle: it gives memory back by then.
const idleFor = 25 * time.Second

// countMs is the time of one answer about every series.
const countMs = "count of all, ms"

// crowds are workloads with more models or versions than a user should have.
func crowds(rows int64) []dataset {
	models := shape{manyModels, []string{"--models", "100000", "--versions", "1"}}.dataset(rows)
	versions := shape{manyVersions, []string{"--shape", "many-versions", "--models", "1", "--versions", "10000"}}.dataset(rows)
	models.name, versions.name = manyModels, manyVersions // there is one size of each
	return []dataset{models, versions}
}

// Names of the crowds.
const (
	manyModels   = "100,000 models"
	manyVersions = "10,000 versions of a model"
)

func (b *bench) crowds(ctx context.Context) error {
	for _, d := range crowds(1_000_000) {
		if err := b.crowd(ctx, d); err != nil {
			return err
		}
		b.describe(d)
	}
	return nil
}

// crowd loads such a workload and measures memory.
func (b *bench) crowd(ctx context.Context, d dataset) (err error) {
	dir := filepath.Join(b.dir, "crowd")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Models that are idle are in segments, and /metrics is asked often.
	r, err := b.streamed(ctx, d, dir, "--checkpoint-bytes", "8MiB", "--model-gauges", "0")
	if err != nil {
		return err
	}
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
	}
	used, err := r.usage()
	b.ledger.add(d.name, residualName, residentBytes, float64(used.resident))
	return errors.Join(err, r.close())
}

// countAll sums the counts of every series.
func (r *residual) countAll(ctx context.Context, d dataset) (int64, error) {
	body, err := r.server.get(ctx, "/v0/pipes/model_performance_metrics.json?model_id=*&model_version=*&environment=*"+
		"&time_window=2161&as_of="+strings.ReplaceAll(d.asOf.Format(time.DateTime), " ", "%20"))
	if err != nil {
		return 0, err
	}
	var reply struct {
		Data []struct {
			Count int64 `json:"prediction_count"`
		}
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return 0, err
	}
	total := int64(0)
	for _, row := range reply.Data {
		total += row.Count
	}
	return total, nil
}
