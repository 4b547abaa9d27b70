package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
)

// deletion is what is deleted on each shard, as conditions; an empty one deletes nothing.
type deletion struct {
	rows, actuals, rejects string
	of                     []*shard
}

// aim reads a deletion.
func (s *Store) aim(d *engine.Deletion) (deletion, error) {
	source := d.Source
	orDefault(&source, engine.SourcePredictions)
	names := len(d.Models)+len(d.Versions)+len(d.Environments)+len(d.IDs) > 0
	windowed := !d.From.IsZero() || !d.To.IsZero()
	switch {
	case !d.Rejects && source != engine.SourcePredictions && source != engine.SourceActuals:
		return deletion{}, fmt.Errorf("%w: there is no data source %q", engine.ErrQuery, d.Source)
	case d.Rejects && (names || d.Within != "" || windowed):
		return deletion{}, fmt.Errorf("%w: the quarantine is emptied as a whole: rejected lines have no models and no times", engine.ErrQuery)
	case d.Rejects:
		return deletion{rejects: "source = " + quoted(source), of: s.shards.list}, nil
	case source == engine.SourceActuals && windowed:
		return deletion{}, fmt.Errorf("%w: remembered actuals are of no time: the predictions that they are for are still to come", engine.ErrQuery)
	}
	var models []string
	x := deletion{of: s.shards.list}
	if len(d.Models) > 0 {
		models = append(models, "model_id IN ("+quotedList(d.Models)+")")
		x.of = s.shardsOf(&named{names: d.Models})
	}
	if d.Within != "" {
		bound, _ := conditionOf(itemsOf(d.Within))
		models = append(models, "("+bound+")")
	}
	if len(d.IDs) > 0 {
		models = append(models, "prediction_id IN ("+quotedList(d.IDs)+")")
	}
	scopes := slices.Clip(models)
	if len(d.Versions) > 0 {
		scopes = append(scopes, "model_version IN ("+quotedList(d.Versions)+")")
	}
	if len(d.Environments) > 0 {
		scopes = append(scopes, "environment IN ("+quotedList(d.Environments)+")")
	}
	if source == engine.SourceActuals {
		x.actuals = all(append(scopes, fmt.Sprintf("(model_id, prediction_id) NOT IN (SELECT model_id, prediction_id FROM %s.predictions WHERE %s)", s.config.Database, all(models))))
		return x, nil
	}
	if len(d.Versions)+len(d.Environments) == 0 && !windowed {
		x.actuals = all(models)
	}
	if windowed {
		from, to := int64(0), int64(latestTime)
		if !d.From.IsZero() {
			from = firstMilli(d.From)
		}
		if !d.To.IsZero() {
			to = firstMilli(d.To)
		}
		if from >= to {
			return deletion{}, nil
		}
		scopes = append(scopes, timeIs(from, to))
	}
	x.rows = all(scopes)
	return x, nil
}

// all is that every one of some conditions holds.
func all(conditions []string) string {
	if len(conditions) == 0 {
		return "1"
	}
	return strings.Join(conditions, " AND ")
}

// CountDeletion returns what DeleteRows would delete now.
func (s *Store) CountDeletion(ctx context.Context, d engine.Deletion) (engine.Deleted, error) {
	x, err := s.aim(&d)
	if err != nil {
		return engine.Deleted{}, err
	}
	count, err := s.countOf(ctx, &x)
	return count, s.half(err)
}

func (s *Store) countOf(ctx context.Context, x *deletion) (count engine.Deleted, err error) {
	var mu sync.Mutex
	var group errorGroup
	for _, of := range x.of {
		group.do(func() error {
			var rows, actuals, rejects uint64
			err := of.ask(ctx, "count what is to be deleted", func(ctx context.Context, conn driver.Conn) error {
				for _, c := range []struct {
					condition, statement string
					into                 *uint64
				}{
					{x.rows, "SELECT count() FROM (SELECT 1 FROM %[1]s.predictions WHERE %[2]s GROUP BY model_id, environment, model_version, timestamp, prediction_id)", &rows},
					{x.actuals, "SELECT uniqExact(model_id, prediction_id, model_version, environment) FROM %[1]s.actuals WHERE (%[2]s) AND (model_id, prediction_id) NOT IN (SELECT model_id, prediction_id FROM %[1]s.predictions)", &actuals},
					{x.rejects, "SELECT count() FROM %[1]s.quarantine FINAL WHERE %[2]s", &rejects},
				} {
					if c.condition == "" {
						continue
					}
					if err := conn.QueryRow(query(ctx), fmt.Sprintf(c.statement, s.config.Database, c.condition)).Scan(c.into); err != nil {
						return err
					}
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			count.Rows += rows
			count.Actuals += int(actuals)
			count.Rejects += int(rejects)
			return err
		})
	}
	if err := group.wait(); err != nil {
		return engine.Deleted{}, err
	}
	return count, nil
}

// DeleteRows deletes what d says. All shards must be there, because any of them may have the announcement of a block that holds what is
// deleted: it would be completed later, and is completed before. When it returns nil the deletion is durable, and no query sees what is
// deleted any more. After an error a part may be deleted: it is sent again.
//
// What has begun to delete goes on when the context ends, because the servers go on too, and the series of what they delete are found
// after it. The same deletion sent again waits for that, and then deletes what has come since.
func (s *Store) DeleteRows(ctx context.Context, d engine.Deletion) (engine.Deleted, error) {
	x, err := s.aim(&d)
	if err != nil {
		return engine.Deleted{}, err
	}
	release, err := s.deletions.hold(ctx, strings.Join([]string{x.rows, x.actuals, x.rejects}, "\x00"))
	if err != nil {
		return engine.Deleted{}, errDeletionGoesOn(err)
	}
	count, err := s.beforeDeletion(ctx, &x)
	if err != nil {
		release()
		return engine.Deleted{}, saying(err, deletedNot)
	}
	ended := make(chan error, 1)
	s.others.Go(func() {
		defer release()
		ctx, cancel := context.WithTimeout(s.context, deletionMost)
		defer cancel()
		ended <- s.deleteFromAll(ctx, &x)
	})
	select {
	case err = <-ended:
	case <-ctx.Done():
		return engine.Deleted{}, errDeletionGoesOn(ctx.Err())
	}
	if err != nil {
		return engine.Deleted{}, saying(err, deletedInPart)
	}
	s.counts.deleted.Add(count.Rows)
	count.LSN = s.counts.batches.Add(1)
	return count, nil
}

// deletionMost is how long a deletion goes on that nobody waits for any more.
const deletionMost = 10 * time.Minute

// errDeletionGoesOn is of a deletion that does not end while its request waits.
func errDeletionGoesOn(err error) error {
	return &engine.AwayError{
		Class: engine.ErrOutcomeUnknown, RetryAfter: 10 * time.Second, Err: fmt.Errorf("wait for a deletion: %w", err),
		Text: "the deletion is under way and goes on: a part may be deleted, and the rest will be; send it again to learn when it has ended",
	}
}

// beforeDeletion completes what is announced, and counts what will be deleted.
func (s *Store) beforeDeletion(ctx context.Context, x *deletion) (engine.Deleted, error) {
	if x.rows != "" || x.actuals != "" {
		var group errorGroup
		for _, of := range s.shards.list {
			group.do(func() error { return s.complete(ctx, of, "1") })
		}
		if err := group.wait(); err != nil {
			return engine.Deleted{}, saying(err, awayForDeletions)
		}
	}
	return s.countOf(ctx, x)
}

// deleteFromAll deletes from each shard.
func (s *Store) deleteFromAll(ctx context.Context, x *deletion) error {
	var group errorGroup
	for _, of := range x.of {
		var touched []string // by a try before too
		group.do(func() error {
			return of.ask(ctx, "delete", func(ctx context.Context, conn driver.Conn) error { return s.deleteFrom(ctx, of, conn, x, &touched) })
		})
	}
	return group.wait()
}

// What is said of a deletion that has failed, beside what of the cluster has.
const (
	deletedInPart    = "; a part may be deleted, send the deletion again" // other shards, or other tables of the same one, may have done theirs
	deletedNot       = "; nothing was deleted, send the deletion again"
	awayForDeletions = "; a shard that is away may have announced rows that are to be deleted"
)

// deleteFrom deletes from the tables of one shard. The series that have lost rows are found anew after it: of what is stored meanwhile
// either the rows are there by then, or the series comes after.
//
// Where a replica is away the others delete all the same, and it follows once it is back: the error says that not all have. Sent again,
// the deletion finds nothing to delete where it is done, and waits for those that have not: statements are done in their order. touched
// are the models that a try before has found to lose rows, which may have gone since.
func (s *Store) deleteFrom(ctx context.Context, of *shard, conn driver.Conn, x *deletion, touched *[]string) error {
	settings := of.deletionSettings()
	ctx = ch.Context(ctx, ch.WithSettings(settings))
	db := s.config.Database
	var unfinished error
	run := func(format string, arguments ...any) error {
		err := conn.Exec(ctx, fmt.Sprintf(format, arguments...))
		if codeOf(err) == codeUnfinished {
			unfinished = err
			return nil
		}
		return err
	}
	if x.rejects != "" {
		err := run("DELETE FROM %s.quarantine WHERE %s", db, x.rejects)
		return cmp.Or(err, unfinished)
	}
	if x.actuals != "" {
		if err := run("DELETE FROM %s.actuals WHERE %s", db, x.actuals); err != nil {
			return err
		}
	}
	if x.rows == "" {
		return unfinished
	}
	var found []string
	row := conn.QueryRow(ctx, fmt.Sprintf("SELECT groupUniqArray(model_id) FROM %s.predictions WHERE %s", db, x.rows))
	if err := row.Scan(&found); err != nil {
		return err
	}
	*touched = append(*touched, found...)
	models := "0"
	if len(*touched) > 0 {
		models = "model_id IN (" + quotedList(*touched) + ")"
	} else if of.quorum == 0 {
		return nil
	}
	if err := run("DELETE FROM %s.predictions WHERE %s", db, x.rows); err != nil {
		return err
	}
	stored := schema.SeriesOf(db, models)
	if err := run("DELETE FROM %[1]s.series WHERE %[2]s AND (model_id, environment, model_version, month, first) NOT IN (SELECT model_id, environment, model_version, month, first FROM (%[3]s))", db, models, stored); err != nil {
		return err
	}
	if of.quorum > 0 && unfinished == nil { // rows whose series another replica has may not have come here yet
		unfinished = run("SYSTEM SYNC REPLICA %s.predictions LIGHTWEIGHT", db)
	}
	again := fmt.Sprintf("INSERT INTO %s.series (model_id, environment, model_version, month, first, last, kinds) %s", db, stored)
	err := conn.Exec(ctx, again)
	if codeOf(err) == codeTooFewReplicas { // without its series a row is not found, so it is stored where it can be
		settings["insert_quorum"] = 0
		unfinished, err = err, conn.Exec(ch.Context(ctx, ch.WithSettings(settings)), again)
	}
	return cmp.Or(err, unfinished)
}

// firstMilli is the first millisecond that is not before a time.
func firstMilli(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }
