package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/export"
	"github.com/residualdb/residual/cmd/residual/internal/input"
	"github.com/residualdb/residual/cmd/residual/internal/progress"
)

// exportColumns are those of the data source, in its order: what is needed to take the rows in again.
const exportColumns = "timestamp,model_id,prediction_id,features,predicted_value,actual_value,model_version,environment"

var errInterrupted = errors.New("interrupted")

type exportFlags struct {
	serverFlags
	directoryFlags
	rows        rowsFlags
	format      *arg.Choice
	compression *arg.Choice
	progress    *arg.Choice
	force       bool
	parallel    int
}

func newExport() *cobra.Command {
	flags := exportFlags{
		format:      arg.OneOf(append([]string{input.Auto}, export.Formats...)...),
		compression: arg.OneOf(append([]string{input.Auto}, export.Compressions...)...),
		progress:    progress.Flag(),
	}
	cmd := &cobra.Command{
		Use:   "export FILE|FOLDER/|-",
		Short: "Write the rows of a store to files",
		Long: `Export writes rows as Parquet, NDJSON or CSV: to one file, to standard output as -, or to a folder with a file for each month and model. A FILE's
name tells what it becomes: .parquet, .ndjson, .csv, the last two also with .gz or .zst behind. A name that ends in a slash, or is that of a
folder, is a folder; it gets Parquet unless --format says otherwise, in files like month=2026-11/model=price/part-0.parquet, which DuckDB
and Arrow read as one partitioned table. Without flags all rows are written, each with the columns of the data source.

Rows come from a running server or, with --data-dir, from the directory of a store that no server has open. A file has its name once it is whole
and on disk. What was ended goes on when the same command is run again: a folder with the files that are missing, a single file from its
beginning. Another question is refused in a folder that is begun; --force replaces what is there.

'residual ingest' takes the files again, and every answer about their rows is the same but for lags: when an actual was observed is not written.
Neither are quarantined lines, actuals that wait for their predictions, and idempotency keys. What has these is a backup: see 'residual backup --help'.`,
		Example: `  residual export predictions.parquet
  residual export ./exported/ --from 2026-01-01 --to 2026-07-01
  residual export --model-id 'team_a_*' --feature 'amount>=100' --actuals waiting big.ndjson.zst
  residual export --data-dir /var/lib/residual --format csv - > predictions.csv`,
		Args: arg.Exactly("a FILE, a FOLDER/, or - for standard output"),
		RunE: func(cmd *cobra.Command, args []string) error { return runExport(cmd, &flags, args[0]) },
	}
	f := cmd.Flags()
	flags.serverFlags.register(f)
	flags.directoryFlags.register(f)
	flags.rows.register(f)
	f.Var(&flags.retryFor, "retry-for", "how long an answer that fails is asked for again")
	f.Var(flags.format, "format", "how rows are written; auto tells by the name")
	f.Var(flags.compression, "compression", "how files are compressed, but for Parquet, which is inside; auto tells by the name")
	f.BoolVar(&flags.force, "force", false, "replace a file or an export that is there")
	f.IntVar(&flags.parallel, "parallel", 2, "files of a folder written at a time")
	f.Var(flags.progress, "progress", "progress bar; auto shows it on a terminal")
	return cmd
}

// rowsFlags say which rows are meant, by the parameters of the pipe predictions, but that everything is unless asked otherwise.
type rowsFlags struct {
	model, version, environment string
	from, to                    string
	actuals                     *arg.Choice
	id                          string
	features                    conditions
}

func (f *rowsFlags) register(flags *pflag.FlagSet) {
	f.actuals = arg.OneOf("any", "known", "waiting")
	flags.StringVar(&f.model, "model-id", "*", "the model, a list a,b, a prefix team_*, or * for every one")
	flags.StringVar(&f.version, "model-version", "*", "the version, latest, a list, a prefix, or * for every one")
	flags.StringVar(&f.environment, "environment", "*", "the environment, a list, a prefix, or * for every one")
	flags.StringVar(&f.from, "from", "", "the start of the window; YYYY-MM-DD[ hh:mm:ss] in UTC, or RFC 3339 (default the first row)")
	flags.StringVar(&f.to, "to", "", "the end of the window, exclusive; likewise (default behind the last row)")
	flags.Var(f.actuals, "actuals", "rows with an actual, or those that wait for one")
	flags.StringVar(&f.id, "prediction-id", "", "rows of this prediction id alone")
	f.features.register(flags)
}

// parameters returns the parameters of the pipe, and the window.
func (f *rowsFlags) parameters() (values url.Values, from, to time.Time, err error) {
	from = time.Unix(0, 0).UTC()
	for _, bound := range []struct {
		name, text string
		to         *time.Time
	}{{"from", f.from, &from}, {"to", f.to, &to}} {
		if bound.text == "" {
			continue
		}
		if *bound.to, err = arg.ParseMoment(bound.text); err != nil {
			return nil, from, to, arg.Usagef("--%s %q: YYYY-MM-DD[ hh:mm:ss] in UTC or RFC 3339 is allowed", bound.name, bound.text)
		}
	}
	if !to.IsZero() && !from.Before(to) {
		return nil, from, to, arg.Usagef("--from %s --to %s: the end is not behind the start", f.from, f.to)
	}
	values = url.Values{
		"model_id": {f.model}, "model_version": {f.version}, "environment": {f.environment},
		"from": {export.Moment(from)}, "limit": {"0"}, "columns": {exportColumns},
	}
	if !to.IsZero() {
		values.Set("to", export.Moment(to))
	}
	if f.actuals.Value != "any" {
		values.Set("actuals", f.actuals.Value)
	}
	if f.id != "" {
		values.Set("prediction_id", f.id)
	}
	f.features.addTo(values)
	return values, from, to, nil
}

// question resolves what is to be written.
func (f *exportFlags) question(target string, folder bool, values url.Values) (q export.Question, err error) {
	q = export.Question{Format: f.format.Value, Compression: f.compression.Value, Parameters: values}
	format, compression := export.ByName(target)
	switch {
	case folder:
		format, compression = export.Parquet, export.Plain
	case target == "-":
		format, compression = export.NDJSON, export.Plain
	}
	if q.Format == input.Auto {
		q.Format = format
	}
	if q.Compression == input.Auto {
		q.Compression = compression
	}
	if q.Format == "" {
		return q, arg.Usagef("%s: its name does not tell what to write; name it .parquet, .ndjson or .csv, or give --format", target)
	}
	if err := q.Check(); err != nil {
		return q, arg.AsUsage(err)
	}
	return q, nil
}

func runExport(cmd *cobra.Command, flags *exportFlags, target string) (err error) {
	if err := arg.OneStore(cmd.Flags()); err != nil {
		return err
	}
	values, from, to, err := flags.rows.parameters()
	if err != nil {
		return err
	}
	if flags.parallel < 1 || flags.parallel > 64 {
		return arg.Usagef("--parallel %d: 1 to 64 are allowed", flags.parallel)
	}
	folder := strings.HasSuffix(target, "/") || isFolder(target)
	if folder && strings.Contains(flags.rows.version, "latest") {
		return arg.Usagef("--model-version %s: each month has a latest version of its own; export to a file, or name the version", flags.rows.version)
	}
	q, err := flags.question(target, folder, values)
	if err != nil {
		return err
	}
	if file, ok := cmd.OutOrStdout().(*os.File); ok && target == "-" && progress.Terminal(file) && (q.Format == export.Parquet || q.Compression != export.Plain) {
		return arg.Usagef("standard output is a terminal; %s goes to a file or a pipe", q.Format)
	}
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	c, closeSource, err := flags.source(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSource()) }()

	w := &exporting{
		Export: export.Export{Client: c, Question: q, Header: csvHeader(exportColumns)},
		bar:    progress.New(cmd.ErrOrStderr(), flags.progress.Value, -1), began: time.Now(),
	}
	w.OnProgress = w.show
	filled, err := w.write(ctx, cmd.OutOrStdout(), target, folder, export.FolderOptions{
		From: from, To: to, Force: flags.force, Parallel: flags.parallel, OnPlan: w.bar.ChangeMax64,
	})
	w.bar.Finish()
	if err != nil {
		return exportFailed(ctx, err, folder, filled)
	}
	out := cmd.OutOrStdout()
	if target == "-" {
		out = cmd.ErrOrStderr()
	}
	fmt.Fprintln(out, w.summary(filled, target, folder))
	return nil
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// csvHeader is the line over columns as the server writes it.
func csvHeader(columns string) []byte {
	return []byte(`"` + strings.ReplaceAll(columns, ",", `","`) + "\"\n")
}

// source returns a client of what the rows come from.
func (f *exportFlags) source(ctx context.Context) (c *client.Client, closeSource func() error, err error) {
	if f.dir != "" {
		return f.open()
	}
	if c, err = f.client(f.parallel); err != nil {
		return nil, nil, err
	}
	if err := c.Reach(ctx); err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, nil, errInterrupted
		}
		return nil, nil, fmt.Errorf("no server at %s: %w; is 'residual serve' running?", f.server, err)
	}
	return c, func() error { c.Close(); return nil }, nil
}

// exporting is an export with its progress bar, which counts rows.
type exporting struct {
	export.Export
	bar   *progress.Bar
	began time.Time
}

func (w *exporting) show(sum export.Counts) {
	w.bar.Describe(progress.SizeText(sum.Bytes))
	_ = w.bar.Set64(sum.Rows) // what fails is drawing
}

func (w *exporting) write(ctx context.Context, out io.Writer, target string, folder bool, opts export.FolderOptions) (filled export.Filled, err error) {
	switch {
	case folder:
		return w.Folder(ctx, filepath.Clean(target), opts)
	case target == "-":
		filled.Counts, err = w.Stream(ctx, out)
	default:
		filled.Counts, err = w.File(ctx, target, opts.Force)
	}
	return filled, err
}

func (w *exporting) summary(filled export.Filled, target string, folder bool) string {
	took := time.Since(w.began)
	text := fmt.Sprintf("%d rows", filled.Rows)
	if w.Question.Format == export.Parquet && target == "-" {
		text = fmt.Sprintf("%d bytes", filled.Bytes)
	}
	if folder {
		text += fmt.Sprintf(" in %d files", filled.Files)
		if filled.Kept > 0 {
			text += fmt.Sprintf(", %d files were there before", filled.Kept)
		}
	}
	return fmt.Sprintf("%s, in %s, %.0f rows/s", text, took.Round(time.Millisecond), float64(filled.Rows)/took.Seconds())
}

// exportFailed says what is left of an export that failed.
func exportFailed(ctx context.Context, err error, folder bool, filled export.Filled) error {
	if ctx.Err() != nil {
		err = errInterrupted
	}
	refused, ok := errors.AsType[*client.StatusError](err)
	if !folder || ok && refused.Status < 500 || errors.Is(err, export.ErrRefused) {
		return err
	}
	return fmt.Errorf("%w; %d files were written, run the same command again to go on", err, filled.Files)
}
