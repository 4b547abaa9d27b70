package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

type deleteFlags struct {
	serverFlags
	dir                                string
	ids, models, versions, environment []string
	from, to, where                    string
	yes, dryRun                        bool
}

func newDelete() *cobra.Command {
	var flags deleteFlags
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete predictions by id, model, version, environment or time",
		Long: `Delete says how many predictions its conditions mean, asks, and deletes them for good: from a running server, with a token of the scope ADMIN
or DATASOURCES:DELETE:ml_model_predictions, or with --data-dir from a directory that no server has open. All conditions that are given
must hold; of one that is given more than once, any. --yes does not ask, --dry-run only counts.

--where is a condition as SQL has it, such as model_id = 'a' AND timestamp < now() - INTERVAL 90 DAY, of the kind that docs/http.md lists
under Deleting.`,
		Example: `  residual delete --model price_prediction_model --from 2026-11-03 --to 2026-11-04
  residual delete --id pred_8123 --id pred_8124 --yes
  residual delete --environment staging --to 2026-08-01 --dry-run
  residual delete --model old_model --data-dir /var/lib/residual`,
		Args: arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return deleteRows(cmd, &flags) },
	}
	f := cmd.Flags()
	flags.register(f)
	arg.AddDirectory(f, &flags.dir)
	f.StringArrayVar(&flags.ids, "id", nil, "prediction id; may be given more than once")
	f.StringArrayVar(&flags.models, "model", nil, "model id, by its very name; may be given more than once")
	f.StringArrayVar(&flags.versions, "version", nil, "model version; may be given more than once")
	f.StringArrayVar(&flags.environment, "environment", nil, "environment; may be given more than once")
	f.StringVar(&flags.from, "from", "", "first time: YYYY-MM-DD[ hh:mm:ss] in UTC, or RFC 3339")
	f.StringVar(&flags.to, "to", "", "time behind the last, as --from")
	f.StringVar(&flags.where, "where", "", "condition in SQL")
	f.BoolVar(&flags.yes, "yes", false, "do not ask")
	f.BoolVar(&flags.dryRun, "dry-run", false, "count, and delete nothing")
	return cmd
}

// condition returns what the flags mean as one condition.
func (f *deleteFlags) condition() (string, error) {
	quoted := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	}
	var terms []string
	for _, x := range []struct {
		column string
		names  []string
	}{{"prediction_id", f.ids}, {"model_id", f.models}, {"model_version", f.versions}, {"environment", f.environment}} {
		var names []string
		for _, name := range x.names {
			names = append(names, quoted(name))
		}
		if len(names) > 0 {
			terms = append(terms, x.column+" IN ("+strings.Join(names, ", ")+")")
		}
	}
	for _, x := range []struct{ operator, text string }{{">=", f.from}, {"<", f.to}} {
		if x.text != "" {
			terms = append(terms, "timestamp "+x.operator+" "+quoted(x.text))
		}
	}
	if f.where != "" {
		terms = append(terms, "("+f.where+")")
	}
	if len(terms) == 0 {
		return "", arg.Usagef("give at least one condition: --id, --model, --version, --environment, --from, --to or --where")
	}
	condition := strings.Join(terms, " AND ")
	if _, _, err := httpapi.DeletionOf(condition, time.Now()); err != nil {
		return "", arg.Usagef("%s: %w", condition, err)
	}
	return condition, nil
}

// deleter counts what a condition means, and deletes it.
type deleter interface {
	count(ctx context.Context, condition string) (rows uint64, err error)
	delete(ctx context.Context, condition string) (rows uint64, err error)
	close() error
}

func deleteRows(cmd *cobra.Command, flags *deleteFlags) (err error) {
	if err := arg.OneStore(cmd.Flags()); err != nil {
		return err
	}
	if err := arg.NotEmpty(cmd.Flags(), "id", "model", "version", "environment", "from", "to", "where"); err != nil {
		return err
	}
	condition, err := flags.condition()
	if err != nil {
		return err
	}
	from, err := flags.open()
	if err != nil {
		return err
	}
	defer func() {
		if closed := from.close(); err == nil {
			err = closed
		}
	}()
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	hint := ""
	if all := slices.Concat(flags.ids, flags.models, flags.versions, flags.environment); strings.Contains(strings.Join(all, ""), "*") {
		hint = "names are literal here: a * in one stands for itself alone\n"
	}
	if flags.dryRun || !flags.yes {
		rows, err := from.count(ctx, condition)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d predictions meet the conditions\n", rows)
		if rows == 0 {
			fmt.Fprint(cmd.ErrOrStderr(), hint)
		}
		if flags.dryRun || rows == 0 {
			return nil
		}
		if !confirmed(cmd, "delete them for good?") {
			return errors.New("nothing was deleted: answer yes, or give --yes")
		}
	}
	rows, err := from.delete(ctx, condition)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d predictions were deleted\n", rows)
	if rows == 0 {
		fmt.Fprint(cmd.ErrOrStderr(), hint)
	}
	return nil
}

// confirmed asks a question and reads the answer, which is no if there is none.
func confirmed(cmd *cobra.Command, question string) bool {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [yes/no] ", question)
	line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "yes" || answer == "y"
}

func (f *deleteFlags) open() (deleter, error) {
	if f.dir != "" {
		if _, err := os.Stat(filepath.Join(f.dir, "store-id")); err != nil { // or a store would be made
			return nil, fmt.Errorf("%s is not the directory of a store: %w", f.dir, err)
		}
		db, err := engine.Open(f.dir, engine.Options{NoBackground: true})
		if err != nil {
			return nil, serve.StoreError(f.dir, version(), err)
		}
		return &deleteHere{db}, nil
	}
	c, err := f.client(1)
	if err != nil {
		return nil, err
	}
	return &deleteThere{func(ctx context.Context, form url.Values) (io.ReadCloser, error) {
		return c.Post(ctx, "/v0/datasources/ml_model_predictions/delete", form)
	}, c.Close}, nil
}

// deleteHere deletes from a directory. What was deleted is out of the files when it is closed.
type deleteHere struct{ db *engine.DB }

func (d *deleteHere) count(ctx context.Context, condition string) (uint64, error) {
	return d.do(condition, func(x engine.Deletion) (engine.Deleted, error) { return d.db.CountDeletion(ctx, x) })
}

func (d *deleteHere) delete(ctx context.Context, condition string) (uint64, error) {
	rows, err := d.do(condition, func(x engine.Deletion) (engine.Deleted, error) { return d.db.DeleteRows(ctx, x) })
	if err == nil {
		err = d.db.Checkpoint(ctx)
	}
	if err == nil {
		err = d.db.Merge(ctx)
	}
	return rows, err
}

func (d *deleteHere) do(condition string, f func(engine.Deletion) (engine.Deleted, error)) (uint64, error) {
	x, never, err := httpapi.DeletionOf(condition, time.Now())
	if err != nil || never {
		return 0, err
	}
	done, err := f(x)
	return done.Rows, err
}

func (d *deleteHere) close() error { return d.db.Close() }

// deleteThere deletes from a server.
type deleteThere struct {
	post func(ctx context.Context, form url.Values) (io.ReadCloser, error)
	end  func()
}

func (d *deleteThere) count(ctx context.Context, condition string) (uint64, error) {
	return d.do(ctx, url.Values{"delete_condition": {condition}, "dry_run": {"true"}})
}

func (d *deleteThere) delete(ctx context.Context, condition string) (uint64, error) {
	return d.do(ctx, url.Values{"delete_condition": {condition}})
}

func (d *deleteThere) do(ctx context.Context, form url.Values) (rows uint64, err error) {
	body, err := d.post(ctx, form)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	var answer struct {
		Rows uint64 `json:"rows_to_be_deleted"`
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	return answer.Rows, nil
}

func (d *deleteThere) close() error {
	d.end()
	return nil
}
