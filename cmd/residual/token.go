package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/httpapi"
)

func newToken() *cobra.Command {
	var dir string
	cmd := group(&cobra.Command{
		Use:   "token",
		Short: "Create, list and revoke tokens of a data directory",
		Long: `A token allows its holder what its scopes say. The data directory keeps a token's SHA-256 alone. A running server
follows changes within a second.`,
		Example: `  residual token create collector --scope DATASOURCES:APPEND:ml_model_predictions
  residual token list
  residual token revoke collector`,
	}, newTokenCreate(&dir), newTokenList(&dir), newTokenRevoke(&dir))
	cmd.PersistentFlags().StringVar(&dir, "data-dir", "./residual-data", "directory of the store")
	return cmd
}

func newTokenCreate(dir *string) *cobra.Command {
	var scopes, models []string
	var files string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a token and print it, this once",
		Long: `Create prints the token, and nothing else, to standard output. It cannot be shown again.

Scopes: ADMIN, WORKSPACE:DEPLOY, DATASOURCES:APPEND:<name>, DATASOURCES:READ:<name>, DATASOURCES:DELETE:<name>, PIPES:READ:<name>.

With --models all scopes of the token are about these models alone: a list of names, and of prefixes with a star behind them. Other models are as
if they did not exist, and rows of them that it sends are quarantined. ADMIN and WORKSPACE:DEPLOY cannot be bounded.

Scopes may be of the data sources and pipes of the project that is deployed to the directory, or with --project of those of a folder; a token
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
			if err := os.MkdirAll(*dir, 0o700); err != nil {
				return err
			}
			served, unread := projectWithoutSecrets(files, *dir)
			if unread != nil && files != "" {
				return unread
			}
			if unread != nil { // scopes of what every server has can be given all the same
				served = withheldProject()
			}
			made := httpapi.Token{Name: args[0], Scopes: scopes, Models: models, Created: time.Now()}
			token, err := httpapi.CreateProjectToken(*dir, made, served.datasources(), served.Pipes)
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

func newTokenList(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List tokens by name, without the tokens themselves",
		Example: "  residual token list --data-dir /var/lib/residual",
		Args:    arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tokens, err := httpapi.ListTokens(*dir)
			if err != nil {
				return err
			}
			t := table{columns: []tableColumn{{name: "name"}, {name: "created"}, {name: "scopes"}, {name: "models"}}}
			for _, token := range tokens {
				t.rows = append(t.rows, []string{token.Name, token.Created.Format(time.DateTime), strings.Join(token.Scopes, " "), cmp.Or(strings.Join(token.Models, ","), "*")})
			}
			return t.write(cmd.OutOrStdout())
		},
	}
}

func newTokenRevoke(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Revoke a token",
		Example: "  residual token revoke collector",
		Args:    arg.Exactly("a NAME"),
		RunE:    func(_ *cobra.Command, args []string) error { return tokenError(httpapi.RevokeToken(*dir, args[0])) },
	}
}

// tokenError makes a refusal of what was asked for one of usage.
func tokenError(err error) error {
	if errors.Is(err, httpapi.ErrToken) {
		return arg.AsUsage(err)
	}
	return err
}
