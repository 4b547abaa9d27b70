package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// errReadOnlyReplica is returned for a replica that has lost its keeper. It answers questions all the same.
var errReadOnlyReplica = fmt.Errorf("%w: a read-only replica, which has lost its keeper", ErrCluster)

// check looks whether a server of a shard has all tables as this program makes them, and whether the user may do with them what a store does.
func (n *node) check(ctx context.Context, database string, replicated bool, of *shard, list []*shard) error {
	ctx = query(ctx)
	found, err := n.meta(ctx, database)
	if err != nil {
		return err
	}
	if err := errors.Join(found.checkVersion(n.address), found.checkShards(n.address, of, list)); err != nil {
		return err
	}
	if err := n.checkTables(ctx, database, replicated); err != nil {
		return err
	}
	if err := n.checkRights(ctx, database, of); err != nil {
		return err
	}
	if !replicated {
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

// checkTables looks for tables and views, for the engines of tables, their keys and the types of their columns. Columns that somebody has
// added are no concern of a store.
func (n *node) checkTables(ctx context.Context, database string, replicated bool) error {
	types, err := n.texts(ctx, "SELECT concat(table, '.', name), type FROM system.columns WHERE database = "+quoted(database))
	if err != nil {
		return err
	}
	engines, err := n.texts(ctx, "SELECT name, engine FROM system.tables WHERE database = "+quoted(database))
	if err != nil {
		return err
	}
	keys, err := n.texts(ctx, "SELECT name, sorting_key FROM system.tables WHERE database = "+quoted(database))
	if err != nil {
		return err
	}
	for _, s := range Schema(Layout{Database: database})[1:] {
		if _, ok := engines[s.Name]; !ok {
			return fmt.Errorf("%w: %s has no table %s; residual cluster init makes it", ErrSchema, n.address, s.Name)
		}
	}
	for _, t := range tables(Layout{Database: database}) {
		made := t.engine
		if replicated {
			made = "Replicated" + made
		}
		if engines[t.name] != made {
			return fmt.Errorf("%w: the table %s on %s is a %s, and not a %s", ErrSchema, t.name, n.address, engines[t.name], made)
		}
		if key := strings.Trim(keys[t.name], "()"); key != t.order { // versions differ in whether one column is in parentheses
			return fmt.Errorf("%w: the table %s on %s is ordered by %q, and not by %q", ErrSchema, t.name, n.address, key, t.order)
		}
		for _, c := range t.columnTypes() {
			switch is, ok := types[t.name+"."+c.name]; {
			case !ok:
				return fmt.Errorf("%w: the table %s on %s has no column %s", ErrSchema, t.name, n.address, c.name)
			case is != c.columnType:
				return fmt.Errorf("%w: the column %s of the table %s on %s is of type %s, and not %s", ErrSchema, c.name, t.name, n.address, is, c.columnType)
			}
		}
	}
	return nil
}

// texts are the rows of a statement that answers pairs.
func (n *node) texts(ctx context.Context, statement string) (map[string]string, error) {
	found := map[string]string{}
	err := eachRow(ctx, n.conn, statement, func(rows driver.Rows) error {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return err
		}
		found[name] = text
		return nil
	})
	return found, err
}

type columnType struct{ name, columnType string }

// columnTypes are the columns of a table without their codecs and defaults.
func (t *table) columnTypes() (list []columnType) {
	for line := range strings.SplitSeq(t.columns, ",\n") {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, _, _ = strings.Cut(rest, " CODEC(")
		rest, _, _ = strings.Cut(rest, " DEFAULT ")
		list = append(list, columnType{name, rest})
	}
	return list
}

// checkRights tries what a store does as what changes nothing: blocks without rows, and dropping partitions that there are not, which takes
// the right to delete. That a server takes no rows at the moment is no want of rights.
func (n *node) checkRights(ctx context.Context, database string, of *shard) error {
	inserts := ch.Context(ctx, ch.WithSettings(of.insertSettings()))
	for _, t := range tables(Layout{Database: database}) {
		if t.name == tableMeta {
			continue
		}
		batch, err := n.conn.PrepareBatch(inserts, fmt.Sprintf("INSERT INTO %s.%s", database, t.name))
		if err == nil {
			err = batch.Close()
		}
		if err = n.wantOf(err, "insert into "+t.name); err != nil {
			return err
		}
	}
	for _, x := range [...]struct{ table, partition string }{{tablePredictions, "190001"}, {tableActuals, "190001"}, {tablePending, "'1970-01-01 00:00:00'"}} {
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
