package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
)

func newVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Read everything in a data directory, or in a folder of backups, and say what is damaged",
		Long: `Verify reads every byte of a store that no server has open and checks it: the log, the sealed segments row by row, the
lists of idempotency keys and of quarantined lines. It changes nothing. If it finds damage it prints one line for each, with
file and offset, and exits with 1. It needs no permission to write, so that it reads a directory that is mounted read-only.

Of a folder of backups it reads every file that a snapshot needs.`,
		Example: `  residual verify ./residual-data
  residual verify /backups/residual`,
		Args: arg.Exactly("a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if engine.IsBackup(args[0], engine.BackupOptions{}) {
				return verifyBackup(cmd, args[0])
			}
			done, err := engine.Verify(args[0], engine.Options{})
			if err != nil {
				return err
			}
			printVerified(cmd.OutOrStdout(), &done)
			if n := len(done.Findings); n > 0 {
				return fmt.Errorf("%s is damaged in %d places; restore it from a copy, or see 'residual salvage --help'", args[0], n)
			}
			return nil
		},
	}
}

func printVerified(out io.Writer, r *engine.Verified) {
	for _, f := range r.Findings {
		fmt.Fprintln(out, f)
	}
	if r.Unlocked {
		fmt.Fprintln(out, "not locked, because no lock can be taken here: if a server has the store open, what it changed meanwhile may show as damage")
	}
	if r.Unborn {
		fmt.Fprintln(out, "there is no store yet: a first start was interrupted before it took any event, and the next one begins anew")
		return
	}
	fmt.Fprintf(out, "sealed: %d rows in %d segments in %d packs; %d lists\n", r.Rows, r.Segments, r.Packs, r.Lists)
	fmt.Fprintf(out, "log: %d records in %d files, %d bytes\n", r.Log.Records, r.Log.Files, r.Log.Bytes)
	if r.Log.TornBytes > 0 {
		fmt.Fprintf(out, "log: %d bytes of a write that was cut short, which the next start cuts off; nobody was told that it had succeeded\n", r.Log.TornBytes)
	}
	for _, lost := range r.Log.Lost {
		fmt.Fprintf(out, "log: records %d to %d were given up by an earlier salvage\n", lost.First, lost.Last)
	}
	if n := len(r.Unlisted); n > 0 {
		fmt.Fprintf(out, "%d files of an interrupted checkpoint, which the next start removes\n", n)
	}
}
