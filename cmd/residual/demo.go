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

	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/internal/workload"
)

type demoFlags struct {
	generatorFlags
	dir, listen string
	exit        bool
}

func newDemo() *cobra.Command {
	var flags demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on made-up data",
		Long: `Demo starts a server on a loopback port, sends it 90 days of made-up predictions of several models over HTTP, one of which
drifts in the last hours, and prints the answers of both endpoints with the curl commands that give the same. It keeps serving
until Ctrl-C. The data is in a temporary directory, which is removed at the end, unless --data-dir names one.`,
		Example: `  residual demo
  residual demo --exit --rows 100000
  residual demo --data-dir ./residual-data --listen 127.0.0.1:7181`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return demo(ctx, cmd.OutOrStdout(), &flags)
		},
	}
	f := cmd.Flags()
	flags.register(f, 8, 3)
	f.StringVar(&flags.dir, "data-dir", "", "directory of the store (default: a temporary one)")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:0", "loopback address to listen on; port 0 takes a free one")
	f.BoolVar(&flags.exit, "exit", false, "end instead of serving on")
	return cmd
}

func demo(ctx context.Context, out io.Writer, flags *demoFlags) (err error) {
	opts, err := flags.options(time.Now())
	if err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(flags.listen); err == nil && !loopback(host) {
		return usagef("--listen %q: a loopback address is allowed, like 127.0.0.1:0", flags.listen)
	}
	if flags.dir == "" {
		if flags.dir, err = os.MkdirTemp("", "residual-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(flags.dir)) }()
	}
	store := defaultServeFlags()
	store.dir, store.listen = flags.dir, flags.listen
	server, err := startServer(store, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if err := server.open(ctx); err != nil {
		return err
	}
	c, err := client.New(client.Options{Server: server.url()})
	if err != nil {
		return err
	}
	defer c.Close()

	fmt.Fprintf(out, "%d predictions of %d models over %d days, sent to %s\n", opts.Rows, opts.Models, flags.days, server.url())
	if err := demoLoad(ctx, c, opts, out); err != nil {
		return err
	}
	if err := demoAnswers(ctx, c, opts, out); err != nil {
		return err
	}
	if flags.exit {
		return nil
	}
	fmt.Fprintf(out, "\nServing %s on %s until Ctrl-C.\n", flags.dir, server.url())
	return server.wait(ctx, nil)
}

func demoLoad(ctx context.Context, c *client.Client, opts workload.Options, out io.Writer) error {
	begin := time.Now()
	sum, err := c.Load(ctx, workload.NewReader(workload.New(opts)), client.LoadOptions{Parallel: 2})
	if err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Fprintf(out, "%s in %s, %.0f rows/s, each request on disk before its answer\n",
		summary(sum), took.Round(time.Millisecond), float64(sum.Successful)/took.Seconds())
	return nil
}

// demoAnswers asks both endpoints about every model and prints what they say.
func demoAnswers(ctx context.Context, c *client.Client, opts workload.Options, out io.Writer) error {
	drift := "Whose error has changed in the last 6 hours?"
	if opts.DriftModel > 0 {
		drift += fmt.Sprintf(" (model_%d was made to drift)", opts.DriftModel)
	}
	questions := [...]struct{ text, pipe string }{
		{"How far off was each model in the last 24 hours?", "model_performance_metrics"},
		{drift, "model_drift_detection"},
	}
	values := url.Values{"model_id": {"*"}}
	if time.Since(opts.To) > time.Hour { // the events end in the past: ask as of then
		values.Set("as_of", opts.To.Format(time.RFC3339))
	}
	for _, asked := range questions {
		// Encoding turns the star into %2A, which is the same and reads worse.
		target := strings.ReplaceAll(c.URL("/v0/pipes/"+asked.pipe+".json", values), "%2A", "*")
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
