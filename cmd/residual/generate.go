package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/internal/workload"
)

// generatorFlags describe a workload.
type generatorFlags struct {
	opts   workload.Options
	shape  *arg.Choice
	days   int
	to     string
	lateBy arg.Span
}

func (f *generatorFlags) register(flags *pflag.FlagSet) {
	f.shape = arg.OneOf(workload.ShapeNames()...)
	f.lateBy = arg.Span(6 * time.Hour)
	flags.Uint64Var(&f.opts.Seed, "seed", 1, "the same seed gives the same bytes")
	flags.Int64Var(&f.opts.Rows, "rows", 1_000_000, "number of events")
	flags.Var(f.shape, "shape", "character of the events")
	flags.IntVar(&f.opts.Models, "models", 0, "number of models, 0 for as many as the shape has")
	flags.IntVar(&f.opts.Versions, "versions", 0, "versions per model, 0 for as many as the shape has")
	flags.StringSliceVar(&f.opts.Environments, "environments", []string{"production", "staging"}, "environments")
	flags.IntVar(&f.days, "days", 90, "days that the events span")
	flags.StringVar(&f.to, "to", "now", "end of the span, now or YYYY-MM-DD[ hh:mm:ss] in UTC")
	flags.Float64Var(&f.opts.LateShare, "late-share", 0.02, "share of events that arrive late")
	flags.Var(&f.lateBy, "late-by", "how late they arrive at most")
	flags.Float64Var(&f.opts.WaitingShare, "waiting-share", 0, "share of events without an actual")
	flags.IntVar(&f.opts.DriftModel, "drift-model", 1, "number of the model that drifts, 0 for none")
}

// options returns the workload that the flags describe, with now as the present.
func (f *generatorFlags) options(now time.Time) (workload.Options, error) {
	opts := f.opts
	opts.LateBy = time.Duration(f.lateBy)
	var err error
	if opts.Shape, err = workload.ParseShape(f.shape.Value); err != nil {
		return opts, arg.AsUsage(err)
	}
	if opts.To, err = parseEnd(f.to, now); err != nil {
		return opts, err
	}
	if opts.Rows < 1 {
		return opts, arg.Usagef("--rows %d: 1 or more is allowed", opts.Rows)
	}
	if f.days < 1 {
		return opts, arg.Usagef("--days %d: 1 or more is allowed", f.days)
	}
	opts.From = opts.To.AddDate(0, 0, -f.days)
	if err := opts.Validate(); err != nil {
		return opts, arg.AsUsage(err)
	}
	return opts, nil
}

func parseEnd(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now.UTC().Truncate(time.Second), nil
	}
	for _, layout := range [...]string{time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, arg.Usagef("--to %q: now or YYYY-MM-DD[ hh:mm:ss] is allowed", text)
}

func newGenerate() *cobra.Command {
	var (
		flags  generatorFlags
		output string
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write made-up events as NDJSON, the same for the same seed",
		Long: `Generate writes made-up events as NDJSON, one per line, in the order in which a server would receive them.
The bytes depend on the flags alone; with --to now they depend on the time as well.`,
		Example: `  residual generate --rows 1000000 --to 2026-01-01 > predictions.ndjson
  residual generate --shape uuid --waiting-share 0.5 --rows 1000 | residual ingest -`,
		Args: arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := flags.options(time.Now())
			if err != nil {
				return err
			}
			events := workload.NewReader(workload.New(opts))
			if output == "-" {
				return copyAll(cmd.OutOrStdout(), events)
			}
			file, err := os.Create(output)
			if err != nil {
				return err
			}
			if err := copyAll(file, events); err != nil {
				_ = file.Close() // the first error counts
				return err
			}
			return file.Close()
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write, - for standard output")
	return cmd
}

func copyAll(w io.Writer, r io.Reader) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	if _, err := buffered.ReadFrom(r); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return buffered.Flush()
}
