package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/progress"
	"github.com/residualdb/residual/engine"
)

type backupFlags struct {
	serverFlags
	dir      string
	keep     int
	progress *arg.Choice
}

func newBackup() *cobra.Command {
	flags := backupFlags{progress: progress.Flag()}
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy the store of a running server to a folder, and what changed since to the same folder",
		Long: `Backup copies a store as it is at one moment, while events are taken and queries answered: from a running server, with a token of
the scope ADMIN, or with --data-dir from a directory that no server has open. It is run where the copy is to be: the server
sends, and writes nowhere.

FOLDER is one of backups of one store, made if it is missing. It gets a snapshot, and of the files of that those that it has not. Every file is
read back and checked, and the snapshot comes last: interrupted at any moment, the earlier ones are whole, and the next backup goes on with
what was copied. The newest --keep snapshots stay, and what only older ones need is removed.`,
		Example: `  residual backup /backups/residual
  residual backup /backups/residual --server https://residual.example:7181 --keep 30
  residual backup /backups/residual --data-dir /var/lib/residual
  residual backup list /backups/residual`,
		Args: arg.Exactly("a FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error { return backUp(cmd, &flags, args[0]) },
	}
	f := cmd.Flags()
	flags.register(f)
	arg.AddDirectory(f, &flags.dir)
	f.IntVar(&flags.keep, "keep", 7, "how many snapshots stay, the newest; 0 keeps all")
	f.Var(&flags.retryFor, "retry-for", "how long a server that does not answer is asked again")
	f.Var(flags.progress, "progress", "progress bar; auto shows it on a terminal")
	cmd.AddCommand(newBackupList())
	return cmd
}

func backUp(cmd *cobra.Command, flags *backupFlags, folder string) error {
	if err := arg.OneStore(cmd.Flags()); err != nil {
		return err
	}
	if flags.keep < 0 {
		return arg.Usagef("--keep %d: 0 or more are allowed", flags.keep)
	}
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	begin := time.Now()
	var done engine.BackedUp
	var err error
	if flags.dir != "" {
		done, err = backUpDirectory(ctx, cmd, flags, folder)
	} else {
		done, err = backUpServer(ctx, cmd, flags, folder)
	}
	if err != nil {
		return err
	}
	took := time.Since(begin)
	s := &done.Snapshot
	fmt.Fprintf(cmd.OutOrStdout(), "snapshot %d at LSN %d of %s: %d files, %s; copied %d files, %s in %s\n", s.Number, s.LSN,
		s.Taken.Format(time.RFC3339), len(s.Files), progress.SizeText(s.Bytes()), done.Files, progress.SizeText(done.Bytes), took.Round(time.Millisecond))
	if n := len(done.Removed); n > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "removed %d older snapshots and %d files that only these needed\n", n, done.Freed)
	}
	if n := len(done.Damaged); n > 0 {
		return fmt.Errorf("the snapshot is whole, but of earlier ones %d cannot be read, and nothing was removed for that: %w; 'residual verify %s' says more",
			n, errors.Join(done.Damaged...), folder)
	}
	return nil
}

func backUpDirectory(ctx context.Context, cmd *cobra.Command, flags *backupFlags, folder string) (done engine.BackedUp, err error) {
	held, err := engine.HoldClosed(flags.dir, engine.BackupOptions{})
	if errors.Is(err, engine.ErrLocked) {
		return done, fmt.Errorf("%w; while a server has the store open, leave --data-dir out and name the server", err)
	}
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	return copyMoment(ctx, cmd, flags, held, folder)
}

// backUpServer begins anew when the server was started anew, which goes on with what was copied.
func backUpServer(ctx context.Context, cmd *cobra.Command, flags *backupFlags, folder string) (done engine.BackedUp, err error) {
	c, err := flags.client(1)
	if err != nil {
		return done, err
	}
	defer c.Close()
	return done, c.Retry(ctx, func() error {
		held, err := c.BeginBackup(ctx)
		if err != nil {
			return client.Permanent(fmt.Errorf("begin a backup of %s: %w", flags.server, err))
		}
		defer held.Close()
		done, err = copyMoment(ctx, cmd, flags, held, folder)
		if errors.Is(err, client.ErrMomentGone) {
			return err
		}
		return client.Permanent(err)
	})
}

func copyMoment(ctx context.Context, cmd *cobra.Command, flags *backupFlags, from engine.BackupSource, folder string) (engine.BackedUp, error) {
	m := from.Moment()
	b := progress.OfBytes(cmd.ErrOrStderr(), flags.progress.Value, m.Bytes(), "backup")
	defer b.Finish()
	return engine.Backup(ctx, from, folder, engine.BackupOptions{Keep: flags.keep, Progress: b.More})
}

func newBackupList() *cobra.Command {
	return &cobra.Command{
		Use:     "list FOLDER",
		Short:   "List the snapshots of a folder of backups",
		Example: "  residual backup list /backups/residual",
		Args:    arg.Exactly("a FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := engine.ListBackups(args[0], engine.BackupOptions{})
			if err != nil {
				return err
			}
			t := table{columns: []tableColumn{{name: "snapshot"}, {name: "taken"}, {name: "lsn"}, {name: "files"}, {name: "bytes"}}}
			for i := range v.Snapshots {
				s := &v.Snapshots[i]
				t.rows = append(t.rows, []string{
					strconv.FormatUint(s.Number, 10), s.Taken.Format(time.RFC3339), strconv.FormatUint(s.LSN, 10),
					strconv.Itoa(len(s.Files)), progress.SizeText(s.Bytes()),
				})
			}
			if err := t.write(cmd.OutOrStdout()); err != nil {
				return err
			}
			return damagedBackup(cmd.OutOrStdout(), args[0], &v)
		},
	}
}

// damagedBackup prints what is damaged in a folder of backups, and returns an error if anything is.
func damagedBackup(out io.Writer, folder string, v *engine.VerifiedBackup) error {
	for _, f := range v.Findings {
		fmt.Fprintln(out, f)
	}
	if n := len(v.Findings); n > 0 {
		return fmt.Errorf("%s is damaged in %d places; each snapshot that does not need these files can be restored", folder, n)
	}
	return nil
}

// verifyBackup reads a folder of backups.
func verifyBackup(cmd *cobra.Command, folder string) error {
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	v, err := engine.VerifyBackup(ctx, folder, engine.BackupOptions{})
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if v.Unlocked {
		fmt.Fprintln(out, "not locked, because no lock can be taken here: what a backup removed meanwhile may show as damage")
	}
	fmt.Fprintf(out, "backups of the store %x: %d snapshots, %d files, %s\n", v.Store, len(v.Snapshots), v.Objects, progress.SizeText(v.Bytes))
	if v.Unnamed > 0 {
		fmt.Fprintf(out, "%d files of an interrupted backup, which the next one uses or removes\n", v.Unnamed)
	}
	return damagedBackup(out, folder, &v)
}

func newRestore() *cobra.Command {
	var snapshot string
	shown := progress.Flag()
	cmd := &cobra.Command{
		Use:   "restore FOLDER DIR",
		Short: "Make a data directory of a snapshot of a backup",
		Long: `Restore copies a snapshot of a folder of backups to DIR, which must be missing or empty, and checks every file as it is read and as it was
written. The directory is a store only once all of it is there: a restore that was interrupted can be run again.

The store has the id, the tokens and the idempotency keys of the one that was backed up. Do not run both: they would go different ways.`,
		Example: `  residual restore /backups/residual ./residual-data
  residual restore /backups/residual ./residual-data --snapshot 2026-11-30T05:00:00Z
  residual restore /backups/residual ./residual-data --snapshot 18220`,
		Args: arg.Exactly("a FOLDER", "a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			which, err := parseSnapshot(snapshot)
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			b := progress.OfBytes(cmd.ErrOrStderr(), shown.Value, -1, "restore")
			defer b.Finish()
			begin := time.Now()
			s, err := engine.Restore(ctx, args[0], args[1], which, engine.BackupOptions{Progress: b.More})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "restored snapshot %d at LSN %d of %s: %d files, %s in %s\n", s.Number, s.LSN,
				s.Taken.Format(time.RFC3339), len(s.Files), progress.SizeText(s.Bytes()), time.Since(begin).Round(time.Millisecond))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&snapshot, "snapshot", "", "the LSN of a snapshot, as the column lsn of 'backup list' has it and not the number before it, or a time: the newest that was taken until then (default the newest)")
	f.Var(shown, "progress", "progress bar; auto shows it on a terminal")
	return cmd
}

// parseSnapshot reads an LSN or a time; nothing is the newest.
func parseSnapshot(text string) (which engine.RestoreWhich, err error) {
	if text == "" {
		return which, nil
	}
	if which.LSN, err = strconv.ParseUint(text, 10, 64); err == nil && which.LSN > 0 {
		return which, nil
	}
	until, err := arg.ParseMoment(text)
	if err != nil {
		return which, arg.Usagef("--snapshot %q: an LSN is allowed, or a time like 2026-11-30T05:00:00Z", text)
	}
	return engine.RestoreWhich{Until: until}, nil
}
