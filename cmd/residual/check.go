package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/folder"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR",
		Short: "Check the files of a project, and say what is wrong where",
		Long: `Check reads the .datasource, .connection and .pipe files of a folder, and of those below it, and says what is wrong in them: file, line
and column, the lines with a caret below the place, and what to do. It reads nothing else and asks no server. Secrets need
not be there: those that are not set are named. It exits with 1 if anything keeps the project from being used, by 'residual serve --project' or
'residual deploy'.`,
		Example: "  residual check ./project",
		Args:    arg.Exactly("a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := folder.Check(args[0]); err != nil {
				return err
			}
			var absent []string
			secrets := func(name string) (string, bool) {
				secret, ok := os.LookupEnv(project.SecretVariable(name))
				if !ok {
					absent = append(absent, name)
					secret = "not set"
				}
				return secret, true
			}
			p, problems, err := project.Load(os.DirFS(args[0]), secrets)
			if err != nil {
				return err
			}
			if problems.Errors() == 0 {
				problems = append(problems, serve.CheckProject(p)...)
			}
			out := cmd.OutOrStdout()
			for i := range problems {
				fmt.Fprint(out, plaintext.EscapeLines(problems[i].String()))
			}
			if slices.Sort(absent); len(absent) > 0 {
				fmt.Fprintf(out, "not set here: the secrets %s\n", strings.Join(slices.Compact(absent), ", "))
			}
			fmt.Fprintf(out, "%d data sources, %d connections, %d endpoints\n", len(p.Datasources), len(p.Connections), len(p.Pipes.Endpoints()))
			if n := problems.Errors(); n > 0 {
				return fmt.Errorf("%s cannot be used: it has errors: %d", args[0], n)
			}
			return nil
		},
	}
}
