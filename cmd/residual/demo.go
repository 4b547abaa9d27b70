package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/internal/workload"
)

type demoFlags struct {
	dir, listen  string
	seed         uint64
	days, models int
	exit         bool
}

func newDemo() *cobra.Command {
	var flags demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on made-up data",
		Long: `Demo starts a server on a loopback port and sends it some weeks of made-up predictions of a fleet of models over HTTP. Most of them are
well, and for each thing that may be wrong with a model one has it. It prints the address of the page that shows them, and the answers
of both endpoints with the curl commands that give the same. Predictions keep coming, and it keeps serving, until Ctrl-C. The data is in
a temporary directory, which is removed at the end, unless --data-dir names one.`,
		Example: `  residual demo
  residual demo --exit --models 0 --days 10
  residual demo --data-dir ./residual-data --listen 127.0.0.1:7181`,
		Args: arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return demo(ctx, cmd.OutOrStdout(), &flags)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&flags.seed, "seed", 1, "another one makes other errors")
	f.IntVar(&flags.days, "days", 15, "days of predictions")
	f.IntVar(&flags.models, "models", 38, "number of models that are well, beside those with something wrong")
	f.StringVar(&flags.dir, "data-dir", "", "directory of the store (default: a temporary one)")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:0", "loopback address to listen on; port 0 takes a free one")
	f.BoolVar(&flags.exit, "exit", false, "end instead of serving on")
	return cmd
}

func (f *demoFlags) validate() error {
	if f.days < 1 || f.days > 3650 {
		return arg.Usagef("--days %d: 1 to 3650 are allowed", f.days)
	}
	if f.models < 0 || f.models > 100_000 {
		return arg.Usagef("--models %d: 0 to 100000 are allowed", f.models)
	}
	if host, _, err := net.SplitHostPort(f.listen); err == nil && !serve.Loopback(host) {
		return arg.Usagef("--listen %q: a loopback address is allowed, like 127.0.0.1:0", f.listen)
	}
	return nil
}

func demo(ctx context.Context, out io.Writer, flags *demoFlags) (err error) {
	if err := flags.validate(); err != nil {
		return err
	}
	if flags.dir == "" {
		if flags.dir, err = os.MkdirTemp("", "residual-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(flags.dir)) }()
	}
	server, err := serve.Start(serve.At(flags.dir, flags.listen), version(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := server.Open(ctx); err != nil {
		return err
	}
	c, err := client.New(client.Options{Server: server.URL()})
	if err != nil {
		return err
	}
	defer c.Close()

	present := time.Now().UTC().Truncate(time.Second)
	fleet := workload.NewFleet(flags.seed, present, flags.days, flags.models)
	fmt.Fprintf(out, "The page: %s/\n\n%d days of predictions, sent to %s\n", server.URL(), flags.days, server.URL())
	if err := demoHistory(ctx, c, fleet, present.AddDate(0, 0, -flags.days), present, out); err != nil {
		return err
	}
	if err := demoAnswers(ctx, c, out); err != nil {
		return err
	}
	if flags.exit {
		return nil
	}
	fmt.Fprintf(out, "\nPredictions keep coming. Serving %s on %s until Ctrl-C.\n", flags.dir, server.URL())
	living, stop := context.WithCancel(ctx)
	defer stop()
	lived := make(chan error, 1)
	go func() { lived <- demoLive(living, c, fleet) }()
	err = server.Wait(ctx, nil)
	stop()
	return errors.Join(err, <-lived)
}

// demoHistory sends what has come up to the present, a day at a time.
func demoHistory(ctx context.Context, c *client.Client, fleet *workload.Fleet, from, present time.Time, out io.Writer) error {
	begin := time.Now()
	var sum client.Loaded
	for to := from; to.Before(present); {
		if to = to.AddDate(0, 0, 1); to.After(present) {
			to = present
		}
		predictions, actuals := fleet.Advance(to)
		sent, err := c.Load(ctx, bytes.NewReader(predictions), client.LoadOptions{Parallel: 2})
		if err != nil {
			return err
		}
		sum.Add(sent)
		if err := demoActuals(ctx, c, actuals); err != nil {
			return err
		}
	}
	took := time.Since(begin)
	fmt.Fprintf(out, "%s in %s, %.0f rows/s, each request on disk before its answer\n",
		summary(sum), took.Round(time.Millisecond), float64(sum.Successful)/took.Seconds())
	_, err := c.Load(ctx, strings.NewReader(demoRejects), client.LoadOptions{Wait: true})
	return err
}

func demoActuals(ctx context.Context, c *client.Client, actuals []byte) error {
	if len(actuals) == 0 {
		return nil
	}
	_, err := c.Load(ctx, bytes.NewReader(actuals), client.LoadOptions{DataSource: "ml_model_actuals", Parallel: 2, Wait: true})
	return err
}

// demoLive sends what comes from now on, second by second, until ctx ends.
func demoLive(ctx context.Context, c *client.Client, fleet *workload.Fleet) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			predictions, actuals := fleet.Advance(now)
			if len(predictions) > 0 {
				if _, err := c.Load(ctx, bytes.NewReader(predictions), client.LoadOptions{Parallel: 1}); err != nil {
					return unlessEnded(ctx, err)
				}
			}
			if err := demoActuals(ctx, c, actuals); err != nil {
				return unlessEnded(ctx, err)
			}
		}
	}
}

// unlessEnded returns an error that is not because the demo ends.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the error is that the demo ends
	}
	return err
}

// demoRejects are lines that are no events.
const demoRejects = `{"timestamp":"yesterday","model_id":"ctr_bid_value","prediction_id":"1","features":{},"predicted_value":0.01,"model_version":"v1","environment":"production"}
{"timestamp":"2026-01-01 00:00:00","model_id":"ctr_bid_value","features":{},"predicted_value":0.01,"model_version":"v1","environment":"production"}
{"timestamp":"2026-01-01 00:00:00","model_id":"ctr_bid_value","prediction_id":"3","features":{},"predicted_value":"0.01","model_version":"v1","environment":"production"}
{"timestamp":"2026-01-01 00:00:00","model_id":"ctr_bid_value","prediction_id":"4","features":{},"predicted_value":NaN,"model_version":"v1","environment":"production"}
{"timestamp":"2026-01-01 00:00:00","model_id":"ctr_bid_value","prediction_id":"5",
`

// demoAnswers asks both endpoints about some models and prints what they say.
func demoAnswers(ctx context.Context, c *client.Client, out io.Writer) error {
	questions := [...]struct{ text, pipe string }{
		{"How far off was each of these models in the last 24 hours?", "model_performance_metrics"},
		{"Whose error has changed in the last 6 hours? (the first one's has)", "model_drift_detection"},
	}
	values := url.Values{"model_id": {"eta_courier_berlin,route_duration_truck,call_duration"}}
	for _, asked := range questions {
		// Encoding turns the comma into %2C, which is the same and reads worse.
		target := strings.ReplaceAll(c.URL("/v0/pipes/"+asked.pipe+".json", values), "%2C", ",")
		fmt.Fprintf(out, "\n%s\n  curl '%s'\n\n", asked.text, target)
		var answer bytes.Buffer
		if err := (question{asked.pipe, "json", values}).copyAnswer(ctx, c, &answer); err != nil {
			return err
		}
		if err := writeAnswer(out, answer.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
