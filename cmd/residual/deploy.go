package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/folder"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
)

// destructiveFlag allows to leave out what is deployed.
const destructiveFlag = "allow-destructive-operations"

func newDeploy() *cobra.Command {
	var server serverFlags
	var check, stage, destructive bool
	cmd := &cobra.Command{
		Use:   "deploy DIR",
		Short: "Deploy a project to a running server",
		Long: `Deploy sends the .datasource, .connection and .pipe files of a folder, and of those below it, to a server, which checks them, stores them and
then answers from them: all of it or nothing, whatever happens meanwhile. What is wrong is shown with its place, and nothing has changed then.
A token of the scope WORKSPACE:DEPLOY or ADMIN is needed where the server asks for one. Secrets are those of the server.

With --check nothing is stored. With --stage the deployment waits for 'residual deployments promote'. A project that leaves out a data source,
a pipe or a connection which is deployed needs --allow-destructive-operations. A server that serves a folder (--project) takes no deployments.`,
		Example: `  residual deploy ./project --check
  residual deploy ./project --server https://residual.example.com`,
		Args: arg.Exactly("a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := filesToSend(args[0])
			if err != nil {
				return err
			}
			c, err := server.client(1)
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			parameters := url.Values{}
			setFlag(parameters, "check", check)
			setFlag(parameters, "auto_promote", !stage && !check)
			setFlag(parameters, "allow_destructive_operations", destructive)
			out, err := c.Deploy(ctx, files, parameters)
			if err != nil {
				return err
			}
			return tellOutcome(cmd.OutOrStdout(), out, check)
		},
	}
	server.register(cmd.Flags())
	cmd.Flags().BoolVar(&check, "check", false, "have the server check the project, and store nothing")
	cmd.Flags().BoolVar(&stage, "stage", false, "have the deployment wait to be promoted")
	registerDestructive(cmd.Flags(), &destructive)
	return cmd
}

func registerDestructive(flags *pflag.FlagSet, destructive *bool) {
	flags.BoolVar(destructive, destructiveFlag, false, "allow to leave out what is deployed: data sources, pipes, connections")
}

func setFlag(parameters url.Values, name string, on bool) {
	if on {
		parameters.Set(name, "true")
	}
}

// filesToSend reads the project in a folder.
func filesToSend(dir string) ([]client.File, error) {
	files, err := folder.Project(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no %s file: is it the folder of a project?", dir, strings.Join(project.Kinds(), ", "))
	}
	list := make([]client.File, len(files))
	for i, f := range files {
		list[i] = client.File(f)
	}
	return list, nil
}

// tellOutcome shows what became of a project.
func tellOutcome(w io.Writer, out *client.Deployed, check bool) error {
	d := &out.Deployment
	for _, f := range d.Feedback {
		fmt.Fprintln(w, plaintext.EscapeLines(f.Message))
	}
	for _, e := range d.Errors {
		fmt.Fprintln(w, plaintext.EscapeLines(e.Error))
	}
	tellChanges(w, "new", d.NewDatasources, d.NewPipes, d.NewConnections)
	tellChanges(w, "changed", d.ChangedDatasources, d.ChangedPipes, d.ChangedConnections)
	tellChanges(w, "deleted", d.DeletedDatasources, d.DeletedPipes, d.DeletedConnections)
	switch {
	case out.Result == "failed":
		return fmt.Errorf("nothing was deployed, the project has errors: %d", len(d.Errors))
	case out.Result == "no_changes":
		fmt.Fprintln(w, "no changes: the project is live as it is")
	case check:
		fmt.Fprintln(w, "the project can be deployed; nothing was stored")
	case d.Live:
		fmt.Fprintf(w, "deployment %s is live\n", d.ID)
	default:
		fmt.Fprintf(w, "deployment %s waits: residual deployments promote %s\n", d.ID, d.ID)
	}
	return nil
}

func tellChanges(w io.Writer, what string, datasources, pipes, connections []string) {
	for _, of := range []struct {
		kind  string
		names []string
	}{{"data sources", datasources}, {"pipes", pipes}, {"connections", connections}} {
		if len(of.names) > 0 {
			fmt.Fprintf(w, "%s %s: %s\n", what, of.kind, plaintext.Escape(strings.Join(of.names, ", ")))
		}
	}
}

func newDeployments() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "deployments",
		Short: "List the deployments of a running server, go back to one",
		Long: `Deployments lists what was deployed to a server, the newest first: which one is live, and which waits. The last hundred are kept.
'promote' makes one live, the one that waits or an earlier one; 'rollback' the one before the live one, or the earlier one of an ID.`,
		Example: `  residual deployments
  residual deployments promote 12
  residual deployments rollback --server https://residual.example.com`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(cmd, &server, func(ctx context.Context, c *client.Client) error {
				list, err := c.Deployments(ctx)
				if err != nil {
					return err
				}
				return listDeployments(cmd.OutOrStdout(), list)
			})
		},
	}
	server.register(cmd.PersistentFlags())
	cmd.AddCommand(newPromote(&server), newRollback(&server), newDiscard(&server))
	return cmd
}

// withClient runs something with a client, until it is interrupted.
func withClient(cmd *cobra.Command, server *serverFlags, run func(ctx context.Context, c *client.Client) error) error {
	c, err := server.client(1)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	return run(ctx, c)
}

func listDeployments(w io.Writer, list []client.Deployment) error {
	t := table{columns: []tableColumn{{name: "id"}, {name: "created"}, {name: "by"}, {name: "state"}}}
	for _, d := range list {
		state := ""
		switch {
		case d.Live && len(d.Errors) > 0:
			state = "live in part"
		case d.Live:
			state = "live"
		case d.Status == "data_ready":
			state = "waits"
		}
		created, _, _ := strings.Cut(d.CreatedAt, ".")
		t.rows = append(t.rows, []string{plaintext.Escape(d.ID), plaintext.Escape(created), plaintext.Escape(d.By), state})
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, d := range list {
		for _, e := range d.Errors {
			fmt.Fprintf(w, "\ndeployment %s: %s\n", plaintext.Escape(d.ID), plaintext.EscapeLines(e.Error))
		}
	}
	return nil
}

func newPromote(server *serverFlags) *cobra.Command {
	var destructive bool
	cmd := &cobra.Command{
		Use:     "promote ID",
		Short:   "Make a deployment live, the one that waits or an earlier one",
		Example: "  residual deployments promote 12",
		Args:    arg.Exactly("an ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(cmd, server, func(ctx context.Context, c *client.Client) error {
				return promote(ctx, cmd.OutOrStdout(), c, args[0], destructive)
			})
		},
	}
	registerDestructive(cmd.Flags(), &destructive)
	return cmd
}

func promote(ctx context.Context, w io.Writer, c *client.Client, id string, destructive bool) error {
	parameters := url.Values{}
	setFlag(parameters, "allow_destructive_operations", destructive)
	out, err := c.Promote(ctx, id, parameters)
	if err != nil {
		return err
	}
	return tellOutcome(w, out, false)
}

func newRollback(server *serverFlags) *cobra.Command {
	var destructive bool
	cmd := &cobra.Command{
		Use:     "rollback [ID]",
		Short:   "Make an earlier deployment live, the one before the live one unless an ID is given",
		Example: "  residual deployments rollback\n  residual deployments rollback 9",
		Args:    arg.AtMost("an ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(cmd, server, func(ctx context.Context, c *client.Client) error {
				list, err := c.Deployments(ctx)
				if err != nil {
					return err
				}
				id, err := before(list, args)
				if err != nil {
					return err
				}
				return promote(ctx, cmd.OutOrStdout(), c, id, destructive)
			})
		},
	}
	registerDestructive(cmd.Flags(), &destructive)
	return cmd
}

// before returns the deployment that was made before the live one, of a list with the newest first, or that of the ID in wanted, if it was made
// before the live one.
func before(list []client.Deployment, wanted []string) (id string, err error) {
	live := ""
	for i := range list {
		if live != "" && (len(wanted) == 0 || wanted[0] == list[i].ID) {
			return list[i].ID, nil
		}
		if list[i].Live {
			live = list[i].ID
		}
	}
	switch {
	case live == "":
		return "", errors.New("nothing is live")
	case len(wanted) > 0:
		return "", fmt.Errorf("there is no deployment %s before the live one, which is %s; 'residual deployments' lists those that are kept", plaintext.Escape(wanted[0]), live)
	}
	return "", errors.New("there is no deployment before the live one")
}

func newDiscard(server *serverFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "discard ID",
		Short:   "Drop a deployment that waits",
		Example: "  residual deployments discard 12",
		Args:    arg.Exactly("an ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(cmd, server, func(ctx context.Context, c *client.Client) error { return c.Discard(ctx, args[0]) })
		},
	}
}
