package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/httpapi"
)

func newToken(env func(string) (string, bool)) *cobra.Command {
	var at serve.WorkspaceFlags
	cmd := group(&cobra.Command{
		Use:   "token",
		Short: "Create, list and revoke tokens of a data directory, or of a store in ClickHouse",
		Long: `A token allows its holder what its scopes say. A token's SHA-256 alone is kept: in the data directory, or with --store in the cluster, for
all servers before it. Running servers follow changes, within a second those of a data directory, within some seconds the others.`,
		Example: `  residual token create collector --scope DATASOURCES:APPEND:ml_model_predictions
  residual token list
  residual token revoke collector
  residual token create ops --scope ADMIN --store clickhouse://residual@ch1:9000,ch2:9000/residual`,
	}, newTokenCreate(&at, env), newTokenList(&at, env), newTokenRevoke(&at, env))
	at.Register(cmd.PersistentFlags())
	return cmd
}

func newTokenCreate(at *serve.WorkspaceFlags, env func(string) (string, bool)) *cobra.Command {
	var scopes, models []string
	var files string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a token and print it, this once",
		Long: `Create prints the token, and nothing else, to standard output. It cannot be shown again.

Scopes: ADMIN, WORKSPACE:DEPLOY, DATASOURCES:APPEND:<name>, DATASOURCES:READ:<name>, DATASOURCES:DELETE:<name>, PIPES:READ:<name>.

With --models all scopes of the token are about these models alone: a list of names, and of prefixes with a star behind them. Other models are as
if they did not exist, and rows of them that it sends are quarantined. ADMIN and WORKSPACE:DEPLOY cannot be bounded.

Scopes may be of the data sources and pipes of the project that is deployed to the directory or the cluster, or with --project of those of a folder; a token
that the files of either name (TOKEN NAME APPEND, TOKEN NAME READ) needs no scope. --models bounds what the files allow it, too.`,
		Example: `  TOKEN=$(residual token create ops --scope ADMIN)
  residual token create dashboard --scope PIPES:READ:model_drift_detection --scope PIPES:READ:model_performance_metrics
  residual token create team-a --scope PIPES:READ:models --scope DATASOURCES:APPEND:ml_model_predictions --models 'team_a_*'
  residual token create app --project ./project --scope PIPES:READ:worst_models --models 'team_a_*'`,
		Args: arg.Exactly("a NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := arg.NotEmpty(cmd.Flags(), "models", "scope"); err != nil {
				return err
			}
			place, err := at.Open(env, true)
			if err != nil {
				return err
			}
			defer func() { _ = place.Close() }() // which keeps nothing
			// Where what is deployed cannot be read, scopes of what every server has can be given all the same.
			sources, pipes, unread := place.Project(files)
			if unread != nil && files != "" {
				return unread
			}
			made := httpapi.Token{Name: args[0], Scopes: scopes, Models: models, Created: time.Now()}
			token, err := httpapi.CreateProjectToken(place.TokenPlace, made, sources, pipes)
			if err != nil {
				return errors.Join(tokenError(err), unread)
			}
			fmt.Fprintln(cmd.OutOrStdout(), token)
			return nil
		},
	}
	cmd.Flags().StringVar(&files, "project", "", "folder of the project whose data sources and pipes the scopes may be of; the deployed one if not given")
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "what the token allows; may be given more than once")
	cmd.Flags().StringSliceVar(&models, "models", nil, "models that the token is bounded to: names and prefixes, with commas; all if not given")
	return cmd
}

func newTokenList(at *serve.WorkspaceFlags, env func(string) (string, bool)) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List tokens by name, without the tokens themselves",
		Example: "  residual token list --data-dir /var/lib/residual",
		Args:    arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			place, err := at.Open(env, false)
			if err != nil {
				return err
			}
			defer func() { _ = place.Close() }() // which keeps nothing
			tokens, err := place.List()
			if err != nil {
				return tokenError(err)
			}
			t := table{columns: []tableColumn{{name: "name"}, {name: "created"}, {name: "scopes"}, {name: "models"}}}
			for _, token := range tokens {
				t.rows = append(t.rows, []string{token.Name, token.Created.Format(time.DateTime), strings.Join(token.Scopes, " "), cmp.Or(strings.Join(token.Models, ","), "*")})
			}
			return t.write(cmd.OutOrStdout())
		},
	}
}

func newTokenRevoke(at *serve.WorkspaceFlags, env func(string) (string, bool)) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Revoke a token",
		Example: "  residual token revoke collector",
		Args:    arg.Exactly("a NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			place, err := at.Open(env, false)
			if err != nil {
				return err
			}
			defer func() { _ = place.Close() }() // which keeps nothing
			return tokenError(place.Revoke(args[0]))
		},
	}
}

// tokenError makes a refusal of what was asked for one of usage, and says what to do where a cluster is not as it should be.
func tokenError(err error) error {
	if errors.Is(err, httpapi.ErrToken) {
		return arg.AsUsage(err)
	}
	return serve.ClusterError(err)
}
