package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/residualdb/residual/clickhouse/schema"
)

// errReadOnlyReplica is returned for a replica that has lost its keeper. It answers questions all the same.
var errReadOnlyReplica = fmt.Errorf("%w: a read-only replica, which has lost its keeper", ErrCluster)

// check looks whether a server of a shard has all tables as this program makes them, and whether the user may do with them what a store does.
func (n *node) check(ctx context.Context, database string, of *shard, list []*shard) error {
	ctx = query(ctx)
	found, err := n.meta(ctx, database)
	if err != nil {
		return err
	}
	if err := errors.Join(found.checkVersion(n.address), found.checkShards(n.address, of, list)); err != nil {
		return err
	}
	if found[metaUnfilled] != "" {
		return fmt.Errorf("%w: the tables on %s were made in part; residual cluster init makes the rest", ErrSchema, n.address)
	}
	if err := n.checkTables(ctx, found.layout(database)); err != nil {
		return err
	}
	if err := n.checkRights(ctx, database, of); err != nil {
		return err
	}
	if !found.replicated() {
		return nil
	}
	var readOnly []string
	if err := n.conn.QueryRow(ctx, "SELECT groupArray(table) FROM system.replicas WHERE is_readonly AND database = "+quoted(database)).Scan(&readOnly); err != nil {
		return err
	}
	if len(readOnly) > 0 {
		return fmt.Errorf("%w: %s is one of %s", errReadOnlyReplica, n.address, strings.Join(readOnly, ", "))
	}
	return nil
}

// checkTables looks for tables and views, for how they are made, and the types of their columns. Columns that somebody has added are no
// concern of a store.
func (n *node) checkTables(ctx context.Context, l schema.Layout) error {
	types, err := n.texts(ctx, "SELECT concat(table, '.', name), type FROM system.columns WHERE database = "+quoted(l.Database))
	if err != nil {
		return err
	}
	are, err := n.texts(ctx, "SELECT name, if(engine = 'MaterializedView', concat(extract(create_table_query, ' TO ([^ ]+)'), ' AS ', as_select), engine_full) FROM system.tables WHERE database = "+quoted(l.Database))
	if err != nil {
		return err
	}
	if days, ok := daysOf(are[schema.Actuals]); ok { // for how long actuals are kept beyond the retention is said by their table alone
		l.ActualsTTL = max(days-l.Retention, 0)
	}
	var statements []string
	for _, s := range schema.Statements(l)[1:] {
		if _, ok := are[s.Name]; !ok {
			return fmt.Errorf("%w: %s has no table %s; residual cluster init makes it", ErrSchema, n.address, s.Name)
		}
		statements = append(statements, fmt.Sprintf("(%s, %s)", quoted(s.Name), quoted(s.SQL)))
	}
	// The server writes both down in the same way.
	made, err := n.texts(ctx, "SELECT x.1, formatQuerySingleLine(x.2) FROM (SELECT arrayJoin(["+strings.Join(statements, ", ")+"]) AS x)")
	if err != nil {
		return err
	}
	for _, v := range l.Views() {
		_, want, _ := strings.Cut(made[v.Name], " TO ")
		if is := are[v.Name]; is != want {
			return fmt.Errorf("%w: the view %s on %s is to %q, and not to %q", ErrSchema, v.Name, n.address, is, want)
		}
	}
	for _, t := range schema.Tables(l) {
		_, want, _ := strings.Cut(made[t.Name], " ENGINE = ")
		if err := differs(are[t.Name], want); err != nil {
			return fmt.Errorf("%w: the table %s on %s is %w", ErrSchema, t.Name, n.address, err)
		}
		for _, c := range t.Columns() {
			switch is, ok := types[t.Name+"."+c.Name]; {
			case !ok:
				return fmt.Errorf("%w: the table %s on %s has no column %s", ErrSchema, t.Name, n.address, c.Name)
			case is != c.Type:
				return fmt.Errorf("%w: the column %s of the table %s on %s is of type %s, and not %s", ErrSchema, c.Name, t.Name, n.address, is, c.Type)
			}
		}
	}
	return nil
}

var (
	daysInTTL = regexp.MustCompile(`TTL .*toIntervalDay\((\d+)\)`)
	// placeOfReplica are the arguments of a replicated table's engine that say where its keeper has it; the macros in them are the server's.
	placeOfReplica = regexp.MustCompile(`^(Replicated\w+\()'[^']*', '[^']*'(?:, )?`)
	// oneColumn is a key of one column, which versions of ClickHouse write with parentheses and without.
	oneColumn = regexp.MustCompile(`ORDER BY \((\w+)\)`)
)

// daysOf is for how long a table keeps rows.
func daysOf(engine string) (time.Duration, bool) {
	found := daysInTTL.FindStringSubmatch(engine)
	if found == nil {
		return 0, false
	}
	days, err := strconv.Atoi(found[1])
	return time.Duration(days) * 24 * time.Hour, err == nil
}

// promised are the settings of tables by which what was acknowledged stays, and changes of the workspace take place once.
var promised = []string{"fsync_after_insert", "fsync_part_directory", "non_replicated_deduplication_window"}

// differs is an error where a table is not what it should be: its engine, keys and TTL, and the settings that matter.
func differs(is, want string) error {
	is, isSet, _ := strings.Cut(normal(is), " SETTINGS ")
	want, wantSet, _ := strings.Cut(normal(want), " SETTINGS ")
	if is != want {
		return fmt.Errorf("%q, and not %q", is, want)
	}
	settings := strings.Split(isSet, ", ")
	for s := range strings.SplitSeq(wantSet, ", ") {
		if name, _, _ := strings.Cut(s, " = "); slices.Contains(promised, name) && !slices.Contains(settings, s) {
			return fmt.Errorf("without the setting %s", s)
		}
	}
	return nil
}

func normal(engine string) string {
	engine = oneColumn.ReplaceAllString(placeOfReplica.ReplaceAllString(engine, "$1"), "ORDER BY $1")
	return strings.Replace(engine, "()", "", 1)
}

// checkRights tries what a store does as what changes nothing: blocks without rows, and dropping partitions that there are not, which takes
// the right to delete. That a server takes no rows at the moment is no want of rights.
func (n *node) checkRights(ctx context.Context, database string, of *shard) error {
	inserts := ch.Context(ctx, ch.WithSettings(of.insertSettings()))
	for _, t := range schema.Tables(schema.Layout{Database: database}) {
		if t.Name == schema.Meta {
			continue
		}
		batch, err := n.conn.PrepareBatch(inserts, fmt.Sprintf("INSERT INTO %s.%s", database, t.Name))
		if err == nil {
			err = batch.Close()
		}
		if err = n.wantOf(err, "insert into "+t.Name); err != nil {
			return err
		}
	}
	for _, x := range [...]struct{ table, partition string }{{schema.Predictions, "190001"}, {schema.Actuals, "190001"}, {schema.Pending, "'1970-01-01 00:00:00'"}} {
		err := n.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s.%s DROP PARTITION %s", database, x.table, x.partition))
		if err = n.wantOf(err, "delete from "+x.table); err != nil {
			return err
		}
	}
	_, err := n.texts(ctx, "SELECT name, table FROM system.parts WHERE 0")
	return n.wantOf(err, "read system.parts")
}

// wantOf is the error of a try that was refused for want of a right, or that has not reached the server.
func (n *node) wantOf(err error, what string) error {
	if class := faultOf(err).class; err == nil || codeOf(err) != 0 && !errors.Is(class, ErrAccess) && !errors.Is(class, ErrSchema) {
		return nil
	}
	return wrap(err, what+" on "+n.address, nil, false)
}
