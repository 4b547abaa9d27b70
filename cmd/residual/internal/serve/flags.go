package serve

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
)

// Flags say what is served, and how. They are set by the flags of a command that they were added to, or by [At].
type Flags struct {
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

// Register adds the flags to those of a command.
func (f *Flags) Register(flags *pflag.FlagSet) {
	f.register(flags) // those of the store
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

func (f *Flags) validate() error {
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

// At returns the flags of a server that is told its data directory and its address, and nothing else.
func At(dir, listen string) *Flags {
	var f Flags
	f.Register(pflag.NewFlagSet("", pflag.ContinueOnError))
	f.dir, f.listen = dir, listen
	return &f
}

// adminTokenVariable is refused: who sets it would believe that it counts.
const adminTokenVariable = "RESIDUAL_ADMIN_TOKEN"

// ReadEnvironment takes what the environment has beside the flags, and refuses flags that were set and say nothing beside others.
func (f *Flags) ReadEnvironment(flags *pflag.FlagSet, env func(string) (string, bool)) error {
	if _, ok := env(adminTokenVariable); ok {
		return arg.Usagef("%s is set: a token in the environment is seen by whoever sees the process; put it in a file and name that by %s",
			adminTokenVariable, arg.Variable("admin-token-file"))
	}
	f.cluster.readPassword(env)
	return checkCluster(flags)
}
