package main

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/internal/client"
)

// endpoint is a pipe as a command: each parameter is a flag of the same name with dashes. Parameters that are not given are not
// sent, so that their defaults are the server's.
type endpoint struct {
	pipe, name, short, example string
	parameters                 []endpointParameter
}

type endpointParameter struct {
	name, usage string
}

var endpoints = [...]endpoint{
	{
		pipe:  "model_performance_metrics",
		name:  "metrics",
		short: "RMSE, MAE and number of predictions in a window",
		example: `  residual query metrics --model-id price_prediction_model --model-version v1.2.3 --time-window 48
  residual query metrics --model-id '*' --from '2026-01-01 00:00:00' --to '2026-02-01 00:00:00' --format csvwithnames`,
		parameters: []endpointParameter{
			{"model_id", "the model, * for every one (default default_model)"},
			{"model_version", "the version, latest, or * for every one (default latest)"},
			{"environment", "the environment, * for every one (default production)"},
			{"time_window", "how many hours the window reaches back (default 24)"},
			{"from", "start of the window, instead of --time-window"},
			{"to", "end of the window, which is not part of it; needs --from"},
			{"as_of", "stands in for now and leaves out what came after it"},
		},
	},
	{
		pipe:  "model_drift_detection",
		name:  "drift",
		short: "How the error of the last hours compares with that of the time before",
		example: `  residual query drift --model-id price_prediction_model
  residual query drift --model-id '*' --recent-window-hours 24 --historical-window-hours 2160 --format ndjson`,
		parameters: []endpointParameter{
			{"model_id", "the model, * for every one (default default_model)"},
			{"model_version", "the version, * for every one (default *)"},
			{"environment", "the environment, * for every one (default production)"},
			{"recent_window_hours", "how many hours count as recent (default 6)"},
			{"historical_window_hours", "how many hours back the history reaches (default 168)"},
			{"as_of", "stands in for now and leaves out what came after it"},
		},
	},
	{
		pipe:    "quarantine",
		name:    "quarantine",
		short:   "Rejected lines and what was wrong with them, the newest first",
		example: "  residual query quarantine --name ml_model_predictions --limit 20",
		parameters: []endpointParameter{
			{"name", "the data source; every one if it is not given"},
			{"limit", "how many lines, at most 10000 (default 100)"},
		},
	},
}

func newQuery() *cobra.Command {
	var server serverFlags
	format := oneOf("table", "json", "csv", "csvwithnames", "ndjson", "parquet", "prometheus")
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

func newEndpoint(e *endpoint, server *serverFlags, format *choice) *cobra.Command {
	cmd := &cobra.Command{Use: e.name, Short: e.short, Example: e.example, Args: noArguments}
	for _, parameter := range e.parameters {
		cmd.Flags().String(dashed(parameter.name), "", parameter.usage)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := server.client(1)
		if err != nil {
			return err
		}
		defer c.Close()
		ctx, stop := untilInterrupt(cmd.Context())
		defer stop()
		return ask(ctx, c, e.pipe, format.value, e.values(cmd.Flags()), cmd.OutOrStdout())
	}
	return cmd
}

// values returns the parameters that were given, by flag or by variable.
func (e *endpoint) values(flags *pflag.FlagSet) url.Values {
	values := url.Values{}
	for _, parameter := range e.parameters {
		if flag := flags.Lookup(dashed(parameter.name)); flag.Changed {
			values.Set(parameter.name, flag.Value.String())
		}
	}
	return values
}

// ask writes the answer of a pipe to out: as a table, or in the server's own format.
func ask(ctx context.Context, c *client.Client, pipe, format string, values url.Values, out io.Writer) error {
	extension := format
	if format == "table" {
		extension = "json"
	}
	answer, err := c.Pipe(ctx, pipe, extension, values)
	if err != nil {
		return err
	}
	defer answer.Close()
	if format == "table" {
		return writeAnswer(out, answer)
	}
	if _, err := io.Copy(out, answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
