package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/httpapi"
)

// endpoint is a pipe as a command: each parameter is a flag of the same name with dashes. Parameters that are not given are not
// sent, so that their defaults are the server's.
type endpoint struct{ pipe, name, short, example string }

var endpoints = [...]endpoint{
	{
		pipe:  "model_performance_metrics",
		name:  "metrics",
		short: "RMSE, MAE and number of predictions in a window",
		example: `  residual query metrics --model-id price_prediction_model --model-version v1.2.3 --time-window 48
  residual query metrics --model-id 'team_*' --model-version '*' --group-by model_id
  residual query metrics --model-id '*' --from 2026-01-01 --to 2026-02-01 --format csvwithnames`,
	},
	{
		pipe:  "model_drift_detection",
		name:  "drift",
		short: "How the error of the last hours compares with that of the time before",
		example: `  residual query drift --model-id price_prediction_model
  residual query drift --model-id '*' --recent-window-hours 24 --historical-window-hours 2160 --format ndjson`,
	},
	{
		pipe:    "model_performance_report",
		name:    "report",
		short:   "Every measure of a model's error in a window, and how much it rests on",
		example: "  residual query report --model-id price_prediction_model --time-window 48 --format json",
	},
	{
		pipe:    "model_performance_timeseries",
		name:    "timeseries",
		short:   "The same for each bucket of a window, the empty ones too",
		example: "  residual query timeseries --model-id price_prediction_model --time-window 168 --interval 1d --timezone Europe/Berlin",
	},
	{
		pipe:    "model_drift_report",
		name:    "drift-report",
		short:   "How the error moved against a reference, with what chance alone explains",
		example: "  residual query drift-report --model-id '*' --reference pinned:2026-01-01,2026-02-01",
	},
	{
		pipe:    "models",
		name:    "models",
		short:   "The whole fleet, the series that drift first",
		example: "  residual query models",
	},
	{
		pipe:  "predictions",
		name:  "predictions",
		short: "The predictions themselves, each with its error",
		example: `  residual query predictions --model-id price_prediction_model --order abs_error --limit 20
  residual query predictions --model-id 'team_*' --feature country=DE --feature 'amount>=100' --actuals known
  residual query predictions --model-id '*' --limit 0 --format parquet > predictions.parquet`,
	},
	{
		pipe:    "model_verdicts",
		name:    "verdicts",
		short:   "The state of a model at the end of each bucket of a window",
		example: "  residual query verdicts --model-id price_prediction_model --time-window 168 --interval 6h",
	},
	{
		pipe:    "model_error_distribution",
		name:    "distribution",
		short:   "How many predictions have an error of each size, beside those of another window",
		example: "  residual query distribution --model-id price_prediction_model --time-window 6 --reference-from 2026-01-01 --reference-to 2026-02-01 --buckets 20",
	},
	{
		pipe:    "status",
		name:    "status",
		short:   "How the server is, what comes in and what it has room for",
		example: "  residual query status --columns status,rows_last_minute,disk_days_left",
	},
	{
		pipe:    "quarantine",
		name:    "quarantine",
		short:   "Rejected lines and what was wrong with them, the newest first",
		example: "  residual query quarantine --name ml_model_predictions --limit 20",
	},
}

func newQuery() *cobra.Command {
	var server serverFlags
	format := arg.OneOf("table", "json", "csv", "csvwithnames", "ndjson", "parquet", "prometheus")
	cmd := group(&cobra.Command{
		Use:   "query",
		Short: "Ask a running server",
		Example: `  residual query metrics --model-id price_prediction_model --time-window 48
  residual query drift --model-id '*' --format json`,
	})
	server.register(cmd.PersistentFlags())
	cmd.PersistentFlags().Var(format, "format", "form of the answer")
	for i := range endpoints {
		cmd.AddCommand(newEndpoint(&endpoints[i], &server, format))
	}
	return cmd
}

func newEndpoint(e *endpoint, server *serverFlags, format *arg.Choice) *cobra.Command {
	cmd := &cobra.Command{Use: e.name, Short: e.short, Long: e.long(), Example: e.example, Args: arg.None}
	var features conditions
	for _, parameter := range httpapi.Parameters(e.pipe) {
		if parameter.Kind == conditionKind {
			features.register(cmd.Flags())
			continue
		}
		usage := parameter.Description
		if parameter.Kind == "DateTime" {
			usage += "; YYYY-MM-DD[ hh:mm:ss] in UTC, or RFC 3339"
		}
		if parameter.Default != "" {
			usage += " (default " + parameter.Default + ")"
		}
		cmd.Flags().String(dashed(parameter.Name), "", usage)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(1)
		if err != nil {
			return err
		}
		defer c.Close()
		ctx, stop := untilInterrupt(cmd.Context())
		defer stop()
		values := e.values(cmd.Flags())
		features.addTo(values)
		if format.Value == "table" && values.Get("layout") == "series" {
			return arg.AsUsage(errors.New("--layout series is no table; add --format json"))
		}
		if format.Value != "table" {
			return question{e.pipe, format.Value, values}.copyAnswer(ctx, c, cmd.OutOrStdout())
		}
		var answer bytes.Buffer
		err = question{e.pipe, "json", values}.copyAnswer(ctx, c, &answer)
		if err == nil {
			err = writeAnswer(cmd.OutOrStdout(), answer.Bytes())
		}
		if err != nil || cmd.Flags().Lookup("model-id") == nil || httpapi.Columns(e.pipe)[0].Name != "model_id" {
			return err // no row says which model it is of
		}
		if rows, err := readModels(answer.Bytes()); err == nil && len(rows) > 0 && e.value("limit", values) != "" {
			return nil // others may be beyond the limit
		}
		for _, note := range absent(ctx, c, e.value("model_id", values), answer.Bytes()) {
			fmt.Fprintln(cmd.ErrOrStderr(), "residual:", note)
		}
		return nil
	}
	return cmd
}

// long says what the columns hold where their names do not.
func (e *endpoint) long() string {
	var text strings.Builder
	text.WriteString(e.short + ".\n")
	for _, column := range httpapi.Columns(e.pipe) {
		if column.Description != "" {
			fmt.Fprintf(&text, "\n  %-20s %s", column.Name, column.Description)
		}
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// value is what a parameter is for the server, its default if it was not given.
func (e *endpoint) value(name string, values url.Values) string {
	if values.Has(name) {
		return values.Get(name)
	}
	for _, parameter := range httpapi.Parameters(e.pipe) {
		if parameter.Name == name {
			return parameter.Default
		}
	}
	return ""
}

// values returns the parameters that were given, by flag or by variable.
func (e *endpoint) values(flags *pflag.FlagSet) url.Values {
	values := url.Values{}
	for _, parameter := range httpapi.Parameters(e.pipe) {
		if parameter.Kind == conditionKind {
			continue
		}
		if flag := flags.Lookup(dashed(parameter.Name)); flag.Changed {
			values.Set(parameter.Name, withTimes(parameter, flag.Value.String()))
		}
	}
	return values
}

// conditionKind is the kind of the parameter that stands for one on each key of the features.
const conditionKind = "Condition"

// conditions are those on features, as a flag that may be given several times.
type conditions []string

func (c *conditions) register(flags *pflag.FlagSet) {
	flags.Var(c, "feature", "those whose features have under a key a value: key=value, or with !=, <, <=, > or >=; all that are given must hold")
}

func (c *conditions) String() string { return strings.Join(*c, " ") }
func (c *conditions) Type() string   { return "condition" }

func (c *conditions) Set(text string) error {
	if !strings.ContainsAny(text, "=<>") {
		return errors.New("must be key=value, or with !=, <, <=, > or >= in the place of =")
	}
	*c = append(*c, text)
	return nil
}

// addTo adds country=DE as the parameter feature.country=DE, cut as the server would cut it in an address.
func (c *conditions) addTo(values url.Values) {
	for _, condition := range *c {
		name, value, _ := strings.Cut("feature."+condition, "=")
		values.Add(name, value)
	}
}

// withTimes has the start of the day for each date without a time in what is a moment, or holds some: at a shell nobody types zeros.
func withTimes(parameter httpapi.Parameter, value string) string {
	head, moments := "", value
	if rest, ok := strings.CutPrefix(value, "pinned:"); ok && parameter.Name == "reference" {
		head, moments = "pinned:", rest
	} else if parameter.Kind != "DateTime" {
		return value
	}
	list := strings.Split(moments, ",")
	for i, text := range list {
		if _, err := time.Parse(time.DateOnly, text); err == nil {
			list[i] += " 00:00:00"
		}
	}
	return head + strings.Join(list, ",")
}

// question is what a pipe is asked, and the format of its answer.
type question struct {
	pipe, format string
	values       url.Values
}

// copyAnswer writes the answer to out.
func (q question) copyAnswer(ctx context.Context, c *client.Client, out io.Writer) error {
	answer, err := c.Pipe(ctx, q.pipe, q.format, q.values)
	if err != nil {
		return err
	}
	defer answer.Close()
	if _, err := io.Copy(out, answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// serverFlags say which running server a command speaks to.
type serverFlags struct {
	server, token string
	retryFor      arg.Span
}

func (f *serverFlags) register(flags *pflag.FlagSet) {
	f.retryFor = arg.Span(time.Minute)
	flags.StringVar(&f.server, "server", "http://127.0.0.1:7181", "base URL of the server")
	flags.StringVar(&f.token, "token", "", "token to send; better set as RESIDUAL_TOKEN, where other users cannot see it")
}

func (f *serverFlags) client(parallel int) (*client.Client, error) {
	c, err := client.New(client.Options{
		Server: f.server, Token: f.token, RetryFor: time.Duration(f.retryFor), Connections: parallel,
	})
	if err != nil {
		return nil, arg.AsUsage(err)
	}
	return c, nil
}
