package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
)

func newSalvage() *cobra.Command {
	return &cobra.Command{
		Use:   "salvage DIR",
		Short: "Give up what is damaged in a data directory, so that the rest can be used",
		Long: `Salvage makes a damaged store one that opens again, and prints what it gives up. That is acknowledged data: use it when
there is no other copy, and work on a copy of the directory if you can. What was damaged is kept in directories named
salvaged-N. A store without damage is left alone. No server may have the store open.`,
		Example: "  residual salvage ./residual-data",
		Args:    arg.Exactly("a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			done, err := engine.Salvage(args[0], engine.Options{})
			printSalvaged(cmd.OutOrStdout(), &done)
			if err == nil && len(done.Restored)+len(done.Lost)+len(done.Log.Rewritten) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing is damaged, nothing was changed")
			}
			return err
		},
	}
}

func printSalvaged(out io.Writer, s *engine.Salvaged) {
	for _, name := range s.Restored {
		fmt.Fprintln(out, "restored without loss:", name)
	}
	for _, f := range s.Lost {
		fmt.Fprintln(out, "given up:", f)
	}
	for _, name := range s.Log.Rewritten {
		fmt.Fprintln(out, "written anew with what was whole:", name)
	}
	for _, lost := range s.Log.Lost {
		fmt.Fprintf(out, "given up: records %d to %d of the log\n", lost.First, lost.Last)
	}
	for _, dir := range []string{s.Kept, s.Log.Kept} {
		if dir != "" {
			fmt.Fprintln(out, "the damaged files are kept in", dir)
		}
	}
}
