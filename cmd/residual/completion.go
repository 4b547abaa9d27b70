package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// completeFlags has the shell complete the values of flags that have a closed set of them, and of those that name files.
func completeFlags(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		var values cobra.CompletionFunc
		closed, isChoice := flag.Value.(*arg.Choice)
		switch {
		case isChoice:
			values = cobra.FixedCompletions(closed.Allowed, cobra.ShellCompDirectiveNoFileComp)
		case flag.Name == "interval":
			values = cobra.FixedCompletions(engine.IntervalNames(), cobra.ShellCompDirectiveNoFileComp)
		case flag.Name == "timezone":
			values = cobra.FixedCompletions(httpapi.Timezones(), cobra.ShellCompDirectiveNoFileComp)
		case flag.Name == "name":
			values = cobra.FixedCompletions([]string{engine.SourcePredictions, engine.SourceActuals}, cobra.ShellCompDirectiveNoFileComp)
		case flag.Name == "scope":
			values = cobra.FixedCompletions(httpapi.Scopes(), cobra.ShellCompDirectiveNoFileComp)
		case flag.Name == "data-dir", flag.Name == "project", flag.Name == "secrets":
			values = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		case strings.HasPrefix(flag.Name, "tls-"), flag.Name == "output":
			values = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		case flag.Value.Type() == "bool":
			return
		default:
			values = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveNoFileComp)
		}
		if _, ok := cmd.GetFlagCompletionFunc(flag.Name); !ok {
			if err := cmd.RegisterFlagCompletionFunc(flag.Name, values); err != nil {
				panic("BUG: " + err.Error())
			}
		}
	})
}
