package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/input"
	"github.com/residualdb/residual/cmd/residual/internal/progress"
	"github.com/residualdb/residual/internal/rowfile"
)

// errQuarantined makes a load with rejected rows fail, so that a script notices.
var errQuarantined = errors.New("rows were quarantined")

// pauseMax is how long a line of a pipe waits to be sent with others.
const pauseMax = time.Second

type ingestFlags struct {
	serverFlags
	dataSource string
	batch      arg.Size
	parallel   int
	wait       bool
	progress   *arg.Choice
	format     *arg.Choice
}

func newIngest() *cobra.Command {
	flags := ingestFlags{
		batch: 4 << 20, progress: progress.Flag(), format: arg.OneOf(input.Auto, "ndjson", "json", "csv", "parquet"),
	}
	cmd := &cobra.Command{
		Use:   "ingest FILE...|-",
		Short: "Send files of events to a running server",
		Long: `Ingest sends files, or standard input as -, to a running server: NDJSON, one JSON array, CSV, or Parquet, plain or compressed with
gzip or zstd. What a file holds is told by how it begins; one that cannot be told is an error, before any of it is sent. All go in requests of
--batch-bytes, as lines of NDJSON, however large the file is. What 'residual export' writes is taken as it is.

A load may be run again, whole or in part, after the file has grown, with other --batch-bytes, or compressed: a row is one row however often
it is sent, and the counts say how many were there before. (A server with --duplicates keep stores every copy. It still skips a request that it
has taken, which its idempotency key tells, made of its place in the file and its content; keys are kept for 7 days or 1 million requests.)
A line from a pipe waits at most a second for others to be sent with it.

Requests that the server cannot take now are sent again for up to --retry-for each. Rows that the server rejects are in its
quarantine; there being any makes the command exit with 1.`,
		Example: `  residual ingest predictions.ndjson more.ndjson.zst
  residual generate --rows 100000 | residual ingest -
  tail -F predictions.ndjson | residual ingest -
  residual ingest 2026-11.parquet 2026-12.csv.gz
  residual ingest --name ml_model_actuals actuals.ndjson
  residual ingest --server https://residual.example:7181 --wait predictions.ndjson.gz`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return arg.Usagef("%s needs a FILE, or - for standard input", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return ingest(cmd, flags, args) },
	}
	f := cmd.Flags()
	flags.register(f)
	f.StringVar(&flags.dataSource, "name", "ml_model_predictions", "data source to send to")
	f.Var(&flags.batch, "batch-bytes", "size of one request")
	f.Var(flags.format, "format", "what the files hold; auto tells by how they begin")
	f.IntVar(&flags.parallel, "parallel", 16, "requests under way at a time")
	f.BoolVar(&flags.wait, "wait", false, "ask for answers only when the next query sees the rows")
	f.Var(&flags.retryFor, "retry-for", "how long one request is tried again")
	f.Var(flags.progress, "progress", "progress bar; auto shows it on a terminal")
	return cmd
}

func ingest(cmd *cobra.Command, flags ingestFlags, names []string) error {
	if flags.parallel < 1 || flags.parallel > 256 {
		return arg.Usagef("--parallel %d: 1 to 256 are allowed", flags.parallel)
	}
	if flags.batch < 1<<10 || flags.batch > 1<<30 {
		return arg.Usagef("--batch-bytes %s: 1KiB to 1GiB are allowed", &flags.batch)
	}
	inputs, err := input.Open(names, cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer input.Close(inputs)
	c, err := flags.client(flags.parallel)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	if err := c.Reach(ctx); err != nil {
		return fmt.Errorf("no server at %s: %w; is 'residual serve' running?", flags.server, err)
	}

	columns, err := input.ColumnsOf(ctx, c, flags.dataSource)
	if err != nil {
		return err
	}
	begin := time.Now()
	bar := progress.OfRows(cmd.ErrOrStderr(), flags.progress.Value, input.TotalBytes(inputs))
	var sum client.Loaded
	for _, in := range inputs {
		bar.Before = sum
		loaded, err := load(ctx, c, flags, columns, in, bar)
		sum.Add(loaded)
		if err != nil {
			bar.Finish()
			if !completable(err) {
				return fmt.Errorf("%s: %w; %s", in.Name, err, summary(sum))
			}
			return fmt.Errorf("%s: %w; %s, run the same command again to complete it", in.Name, err, summary(sum))
		}
	}
	bar.Finish()
	took := time.Since(begin)
	fmt.Fprintf(cmd.OutOrStdout(), "%s in %s, %.0f rows/s\n", summary(sum), took.Round(time.Millisecond),
		float64(sum.Successful)/took.Seconds())
	if sum.Quarantined > 0 {
		return fmt.Errorf("%d %w: see residual query quarantine", sum.Quarantined, errQuarantined)
	}
	return nil
}

// completable tells whether the same load may come to its end when it is run again: not where what was sent is at fault.
func completable(err error) bool {
	refused, ok := errors.AsType[*client.StatusError](err)
	_, broken := errors.AsType[*rowfile.Error](err)
	return !errors.Is(err, input.ErrUnknownKind) && !broken && (!ok || refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests)
}

// load sends one input.
func load(ctx context.Context, c *client.Client, flags ingestFlags, columns []rowfile.Column, in *input.Input, bar *progress.Rows) (client.Loaded, error) {
	rows, err := in.Open(flags.format.Value, columns, bar.Count)
	if err != nil {
		return client.Loaded{}, err
	}
	defer rows.Close()
	var stream io.Reader = rows
	if file, ok := rows.ReadCloser.(*os.File); ok {
		stream = file // the kernel sends it
	}
	pause := time.Duration(0)
	if rows.Pauses {
		pause = pauseMax
	}
	return c.Load(ctx, stream, client.LoadOptions{
		DataSource: flags.dataSource, Pause: pause, BatchBytes: int(flags.batch), Parallel: flags.parallel, Wait: flags.wait,
		OnSent: func(sent client.Loaded) {
			rows.Acknowledged(sent.Bytes)
			bar.Show(sent)
		},
	})
}

// summary says what became of the rows, in parts that add up.
func summary(sum client.Loaded) string {
	stored := sum.Successful - sum.Replaced - sum.Known
	text := fmt.Sprintf("%d rows stored, ", stored)
	if stored != sum.Successful {
		text = fmt.Sprintf("%d rows sent: %d stored, ", sum.Successful+sum.Quarantined, stored)
	}
	if sum.Replaced > 0 {
		text += fmt.Sprintf("%d were there before, ", sum.Replaced)
	}
	if sum.Known > 0 {
		text += fmt.Sprintf("%d taken by an earlier request, ", sum.Known)
	}
	return text + fmt.Sprintf("%d quarantined, %d requests, %d retries", sum.Quarantined, sum.Requests, sum.Retries)
}
