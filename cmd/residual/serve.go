package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
)

type serveFlags struct {
	storeFlags
	listen          string
	tlsCert, tlsKey string
	adminTokenFile  string
	modelGauges     int
	// Which environments have gauges of their models, and how long after its last prediction a model has them.
	modelGaugesEnvironments string
	modelGaugesFor          arg.Span
	rateLimit               int
	project                 projectFlags
	poll                    arg.Span
	dashboard               bool
}

func (f *serveFlags) register(flags *pflag.FlagSet) {
	f.storeFlags.register(flags)
	flags.StringVar(&f.listen, "listen", "127.0.0.1:7181", "address to listen on, HOST:PORT; port 0 takes a free one")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "certificate file, PEM; together with --tls-key serves HTTPS")
	flags.StringVar(&f.tlsKey, "tls-key", "", "key file of the certificate, PEM")
	flags.StringVar(&f.adminTokenFile, "admin-token-file", "",
		"file that holds a token with the scope ADMIN, such as a mounted secret; only its hash is kept")
	flags.IntVar(&f.modelGauges, "model-gauges", 500,
		"how many models, once for each environment, have gauges of their own in /metrics, 0 for none")
	flags.StringVar(&f.modelGaugesEnvironments, "model-gauges-environments", "production",
		"environments whose models have them: a list with commas, prefix* for all that begin so, * for all")
	f.modelGaugesFor = arg.Span(7 * arg.Day)
	flags.Var(&f.modelGaugesFor, "model-gauges-for", "how long after its last prediction a model still has them")
	flags.IntVar(&f.rateLimit, "rate-limit", 0,
		"requests per second that one token may send, or one address without tokens; 0 for no limit")
	f.project.register(flags)
	f.poll = arg.Span(time.Minute)
	flags.Var(&f.poll, "poll", "time between two lookings for new files in the folders and buckets of the project")
	flags.BoolVar(&f.dashboard, "dashboard", true, "serve the page at / to browsers, which asks for a token where there are any")
}

func (f *serveFlags) validate() error {
	if f.modelGauges < 0 {
		return arg.Usagef("--model-gauges %d: 0 or more are allowed", f.modelGauges)
	}
	if f.modelGaugesFor <= 0 {
		return arg.Usagef("--model-gauges-for %s: more than 0 is allowed", &f.modelGaugesFor)
	}
	if f.modelGaugesEnvironments == "" {
		return arg.Usagef(`--model-gauges-environments "": environments are needed, like production,stag*`)
	}
	if f.rateLimit < 0 || f.rateLimit > 1_000_000 {
		return arg.Usagef("--rate-limit %d: 0 to 1000000 are allowed", f.rateLimit)
	}
	if time.Duration(f.poll) < 100*time.Millisecond {
		return arg.Usagef("--poll %s: at least 100ms is allowed", &f.poll)
	}
	return f.storeFlags.validate()
}

// defaultServeFlags are those of a serve without arguments.
func defaultServeFlags() *serveFlags {
	var f serveFlags
	f.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	return &f
}

// adminTokenVariable is refused: who sets it would believe that it counts.
const adminTokenVariable = "RESIDUAL_ADMIN_TOKEN"

func newServe(env func(string) (string, bool)) *cobra.Command {
	var flags serveFlags
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
			if _, ok := env(adminTokenVariable); ok {
				return arg.Usagef("%s is set: a token in the environment is seen by whoever sees the process; put it in a file and name that by %s",
					adminTokenVariable, arg.Variable("admin-token-file"))
			}
			flags.cluster.readPassword(env)
			return checkCluster(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return serve(ctx, cmd.OutOrStdout(), &flags, logs.logger(cmd.ErrOrStderr()))
		},
	}
	flags.register(cmd.Flags())
	logs.register(cmd.Flags())
	return cmd
}

func serve(ctx context.Context, out io.Writer, flags *serveFlags, log *slog.Logger) error {
	// Who read the log or the output may go; the server stays.
	signal.Ignore(syscall.SIGPIPE)
	server, err := startServer(flags, log)
	if err != nil {
		return err
	}
	defer shareProcessors()() // behind startServer, which bounds what is decoded at a time by the processors
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err := server.open(ctx); err != nil {
		return errors.Join(err, server.stop())
	}
	if ctx.Err() == nil {
		fmt.Fprintln(out, "listening on", server.url())
		notify(notifyReady, log)
	}
	err = server.wait(ctx, hangups)
	notify(notifyStopping, log)
	return errors.Join(err, server.stop())
}

// States of the process, as a service manager knows them.
const (
	notifyReady    = "READY=1"
	notifyStopping = "STOPPING=1"
)

// notify tells the service manager that waits for it how the process stands: systemd with Type=notify, see sd_notify(3).
// Where nobody has asked to be told nothing happens. A manager that cannot be told ends no server: it gives up by itself.
func notify(state string, log *slog.Logger) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	conn, err := net.Dial("unixgram", name)
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // a datagram is sent when Write returns
	}
	if err != nil {
		log.Warn("the service manager could not be told", "state", state, "error", err)
	}
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
