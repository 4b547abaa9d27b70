package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
)

func newServe(env func(string) (string, bool)) *cobra.Command {
	var flags serve.Flags
	var logs logFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a data directory, or a store in ClickHouse, over HTTP",
		Long: `Serve takes events and answers queries over HTTP. An event is answered when it is in the log and synced to disk.

When it is ready it prints one line to standard output: listening on URL. It stops on SIGTERM or Ctrl-C, after the requests
under way, within 5 seconds. On SIGHUP it reads tokens, certificate and project again. A service manager that has set NOTIFY_SOCKET
is told when it is ready and when it stops.

With --retention the server drops the months (of UTC) that are wholly older than the retention, right after the start and from then on. It logs how
many rows of how many models they are and then drops them at once; nothing but a copy of the data directory brings them back. Try it on such a copy.
--retention 90d --retention 'team_a_*=30d' --retention audit=0 (or one list with commas) keeps the models whose names begin with team_a_ for 30
days, audit for ever and the others for 90 days. A name counts before a prefix, a longer prefix before a shorter one.

Without --project it serves what is deployed to it, by 'residual deploy' or Tinybird's own 'tb deploy', and goes on with that when it is started
again. With --project it has the data sources of that folder instead, and fetches events into them from Kafka, S3 and folders; 'residual check'
checks the files. Such a project with errors keeps it from starting, and is not taken in place of one that it serves. Of what is deployed it serves what
it can, and says in /health and the log what it cannot.

With --store the rows are in ClickHouse, in tables that 'residual cluster init' has made, and so are tokens and what is deployed. The server then has no
state of its own, and any number of them may serve the same store. While no server of ClickHouse answers, the start waits. Backups, the limits of models
and the log have no meaning there; --memory-limit bounds the process alone.

As long as no token was created and there is no --admin-token-file, the server asks for none, and so listens on loopback addresses only.`,
		Example: `  residual serve
  residual serve --data-dir /var/lib/residual --listen 127.0.0.1:7181 --log-format json
  residual serve --project ./project --secrets /run/secrets
  residual serve --store clickhouse://residual@ch1:9000,ch2:9000/residual --store-password-file /run/secrets/clickhouse
  residual token create ops --scope ADMIN --data-dir /var/lib/residual
  residual serve --data-dir /var/lib/residual --listen 0.0.0.0:7181 --tls-cert cert.pem --tls-key key.pem`,
		Args: arg.None,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			return flags.ReadEnvironment(cmd.Flags(), env)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return serve.Run(ctx, cmd.OutOrStdout(), &flags, version(), logs.logger(cmd.ErrOrStderr()))
		},
	}
	flags.Register(cmd.Flags())
	logs.register(cmd.Flags())
	return cmd
}

// logFlags say what is logged, and how.
type logFlags struct {
	level, format *arg.Choice
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	f.level, f.format = arg.OneOf("info", "debug", "warn", "error"), arg.OneOf("text", "json")
	flags.Var(f.level, "log-level", "least level that is logged")
	flags.Var(f.format, "log-format", "form of the log on standard error")
}

func (f *logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level.Value)); err != nil {
		panic("BUG: " + err.Error())
	}
	opts := &slog.HandlerOptions{Level: level}
	if f.format.Value == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
