package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/internal/plaintext"
)

// process is what a command may touch of the process it runs in, so that tests can run commands in theirs.
type process struct {
	args     []string
	env      func(string) (string, bool)
	in       io.Reader
	out, err io.Writer
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, p process) int {
	root := newRoot(p.env)
	root.SetArgs(append([]string{}, p.args...)) // nil would stand for those of the process
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.InitDefaultCompletionCmd(p.args...) // it keeps where output goes, so this is set before
	command, err := root.ExecuteContextC(ctx)
	if err != nil {
		// It may repeat what a server answered, or how a file begins.
		fmt.Fprintln(p.err, "residual:", plaintext.EscapeLines(err.Error()))
	}
	code := exitCode(err)
	if code == exitUsage {
		fmt.Fprintf(p.err, "Run '%s --help' for what is allowed.\n", command.CommandPath())
	}
	return code
}

func newRoot(env func(string) (string, bool)) *cobra.Command {
	root := &cobra.Command{
		Use:   "residual",
		Short: "Watch machine-learning models in production",
		Long: `Residual takes predictions and their actuals as events over HTTP and answers with RMSE, MAE and drift
of any model over any window.

Every flag can also be set as an environment variable, --listen as RESIDUAL_LISTEN, but for --data-dir of backup, delete and export.`,
		Example: `  residual demo
  residual serve --data-dir ./residual-data
  residual ingest predictions.ndjson
  residual query metrics --model-id price_prediction_model --time-window 48`,
		Args:              knownCommand,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return arg.ReadEnvironment(cmd.Flags(), env) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(suggestFlag)
	root.AddCommand(
		newServe(env), newDemo(), newIngest(), newQuery(), newGenerate(), newToken(env), newVerify(), newSalvage(), newCheck(), newHealth(), newVersion(),
		newExport(), newDelete(), newBackup(), newRestore(), newMCP(), newCluster(env), newInit(), newTest(), newDeploy(), newDeployments(),
	)
	for _, cmd := range everySubcommand(root) {
		completeFlags(cmd)
	}
	return root
}

// everySubcommand returns the commands below one, at any depth.
func everySubcommand(cmd *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, sub := range cmd.Commands() {
		found = append(append(found, sub), everySubcommand(sub)...)
	}
	return found
}

// knownCommand refuses what stands where a command should, with what it may have meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := nearCommands(cmd, args[0]); len(near) > 0 {
		return arg.Usagef("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			names = append(names, sub.Name())
		}
	}
	return arg.Usagef("unknown command %q: one of %s", args[0], strings.Join(names, ", "))
}

// group makes a command that only holds others.
func group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.Args = knownCommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(subs...)
	return cmd
}
