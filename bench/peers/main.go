//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	rows, growth int64
	runs         int
	seconds      float64
	parts        string
	cache, out   string
	render       bool
}

func main() {
	var s settings
	flag.Int64Var(&s.rows, "rows", 10_000_000, "rows of the main workload; the other shapes have a tenth")
	flag.Int64Var(&s.growth, "growth", 0, "rows of a last workload that is streamed into Residual alone, like 100000000; 0 for none")
	flag.IntVar(&s.runs, "runs", 5, "alternating runs")
	flag.Float64Var(&s.seconds, "seconds", 0.5, "how long one question is asked in a run")
	flag.StringVar(&s.parts, "parts", "shapes,crowds,main", "what to measure; the report has dashes for the rest")
	flag.StringVar(&s.cache, "cache", ".peers", "folder for packages, data and samples")
	flag.StringVar(&s.out, "out", "bench/RESULTS.md", "report to write")
	flag.BoolVar(&s.render, "render", false, "write the report from the samples in the cache, and measure nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.rows < 100_000 || s.runs < 1 || s.growth != 0 && s.growth < s.rows {
		return errors.New("at least 100000 rows and one run are needed, and -growth is not below -rows")
	}
	cache, err := filepath.Abs(s.cache) // the engines run elsewhere
	if err != nil {
		return err
	}
	samplesFile := filepath.Join(cache, "samples.json")
	var l ledger
	if s.render {
		if err := l.read(samplesFile); err != nil {
			return err
		}
		return writeReport(&l, s.out)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	begin := time.Now()
	b := &bench{
		program: filepath.Join(cache, "residual"), dir: filepath.Join(cache, "data"), runs: s.runs,
		effort: effort{seconds: s.seconds, least: 20}, truth: map[string]truth{},
		say: func(format string, args ...any) {
			fmt.Fprintf(os.Stderr, "%5.0f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
		},
	}
	b.ledger.Guarantees = map[string]string{}
	b.ledger.Machine, b.ledger.Rows, b.ledger.Runs = thisMachine(ctx, cache), s.rows, s.runs
	all, stolen := processorTime()
	err = b.all(ctx, s, filepath.Join(cache, "node"))
	if err := errors.Join(err, os.RemoveAll(b.dir)); err != nil {
		return err
	}
	allNow, stolenNow := processorTime()
	b.ledger.Machine.Steal = fmt.Sprintf("%.1f %%", (stolenNow-stolen)/(allNow-all)*100)
	b.ledger.Took = time.Since(begin).Round(time.Second).String()
	if err := b.ledger.save(samplesFile); err != nil {
		return err
	}
	b.say("writing %s", s.out)
	return writeReport(&b.ledger, s.out)
}

// all measures every part, and by default the main one last: what goes wrong shows early on small ones.
func (b *bench) all(ctx context.Context, s settings, modules string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", b.program, "./cmd/residual")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	in, err := install(ctx, modules, b.dir)
	if err != nil {
		return err
	}
	b.ledger.Versions, b.ledger.Missing = in.versions, in.missing
	for name, reason := range in.missing {
		b.say("%s is missing: %s", name, reason)
	}
	engines := b.engines(in)

	for part := range strings.SplitSeq(s.parts, ",") {
		var err error
		switch part {
		case "shapes":
			err = b.shapes(ctx, s.rows/10, engines)
		case "crowds":
			err = b.crowds(ctx)
		case "main":
			err = b.main(ctx, s, engines)
		default:
			err = fmt.Errorf("-parts: no part %q", part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) shapes(ctx context.Context, rows int64, engines contenders) error {
	for _, shape := range allShapes() {
		measured := engines.plain
		if shape.name == uuidShape().name {
			measured = append(slices.Clip(measured), engines.compressed...)
		}
		if err := b.with(ctx, shape.dataset(rows), func(d dataset) error { return b.alternate(ctx, d, measured, brief) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) main(ctx context.Context, s settings, engines contenders) error {
	err := b.beside(ctx, nextDay(min(s.rows/4, 1_500_000)), func() error {
		return b.with(ctx, mainShape().dataset(s.rows), func(d dataset) error {
			if err := b.acks(ctx, d); err != nil {
				return err
			}
			return b.alternate(ctx, d, engines.every, whole)
		})
	})
	if err != nil || s.growth == 0 {
		return err
	}
	// After 100 M rows the log shall hold 256 MiB at the crash: of the next day it takes some 32 bytes per row.
	return b.beside(ctx, nextDay(s.growth/12), func() error { return b.grow(ctx, s.growth) })
}

// beside makes the file of what is taken in while questions are asked.
func (b *bench) beside(ctx context.Context, next dataset, measure func() error) error {
	return b.with(ctx, next, func(d dataset) error {
		b.next = d
		return measure()
	})
}

// with makes the dataset's file, and removes it afterwards.
func (b *bench) with(ctx context.Context, d dataset, measure func(dataset) error) error {
	b.say("%s: making the file", d.name)
	if err := d.make(ctx, b.program, b.dir); err != nil {
		return err
	}
	b.describe(d)
	return errors.Join(measure(d), os.Remove(d.file))
}

func (b *bench) describe(d dataset) {
	b.ledger.Datasets = append(b.ledger.Datasets, described{d.name, d.rows, d.bytes, joined(d.flags)})
}

// contenders are the engines of the kinds of measurement. Residual is the first of each.
type contenders struct {
	plain      []engine // on every shape
	compressed []engine // added where text is long
	every      []engine // on the main dataset
}

func (b *bench) engines(in installation) contenders {
	synced := residualEngine(b.program, residualName, "always", "every request synced before its answer")
	unsynced := residualEngine(b.program, residualNeverName, "never", "written to the log, not synced")
	c := contenders{plain: []engine{synced}, every: []engine{synced, unsynced}}
	if in.missing["ClickHouse"] == "" {
		plain := clickhouseEngine(in.modules, clickhouseName, "LZ4", false)
		compressed := clickhouseEngine(in.modules, clickhouseZSTDName, "ZSTD(3)", false)
		compressed.loadOnly = true
		c.plain = append(c.plain, plain)
		c.compressed = append(c.compressed, compressed)
		c.every = append(c.every, plain, clickhouseEngine(in.modules, clickhouseRollupName, "LZ4", true), compressed)
	}
	if in.missing["DuckDB"] == "" {
		c.plain = append(c.plain, duckdbEngine(in.modules))
		c.every = append(c.every, duckdbEngine(in.modules))
	}
	return c
}
