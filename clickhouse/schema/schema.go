package schema

import (
	"fmt"
	"strings"
	"time"
)

// Version is that of the tables. A store is not opened over those of another one.
const Version = 2

// Layout says how tables are made.
type Layout struct {
	Database string
	// Cluster is the name of the cluster in remote_servers. Empty: there is one server.
	Cluster string
	// Replicated makes replicated tables, by the macros {shard} and {replica} of the servers.
	Replicated bool
	// Retention is after which time rows are dropped, by whole days, a part of a month at a time; 0 keeps them for ever. ActualsTTL is how
	// much longer actuals are kept than the predictions that they are for.
	Retention, ActualsTTL time.Duration
}

// Statement makes one table, view or database, unless it is there.
type Statement struct{ Name, SQL string }

// Names of the tables.
const (
	Predictions = "predictions"
	Series      = "series"
	Actuals     = "actuals"
	Scopes      = "scopes"
	Requests    = "requests"
	Pending     = "pending"
	Quarantine  = "quarantine"
	Positions   = "positions"
	Meta        = "meta"
	Workspace   = "workspace"
)

// Table is how one is made on each server.
type Table struct {
	Name, columns string
	// engine is that of the MergeTree family, with what it needs beside a replica's.
	engine, arguments  string
	partition, order   string
	ttl                string
	settings           string
	distributedOverAll bool
}

// Statements returns the statements that make the tables on one server, in order. Each of them may be run again.
func Statements(l Layout) []Statement {
	statements := []Statement{{l.Database, "CREATE DATABASE IF NOT EXISTS " + l.Database}}
	for _, t := range Tables(l) {
		statements = append(statements, Statement{t.Name, l.create(&t)})
	}
	statements = append(statements, l.Views()...)
	if l.Cluster == "" {
		return statements
	}
	for _, t := range Tables(l) {
		if t.distributedOverAll {
			name := "all_" + t.Name
			key := "cityHash64(model_id)"
			if t.Name == Quarantine {
				key = "rand()"
			}
			statements = append(statements, Statement{name, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %[1]s.%[2]s AS %[1]s.%[3]s\nENGINE = Distributed('%[4]s', '%[1]s', '%[3]s', %[5]s)",
				l.Database, name, t.Name, l.Cluster, key)})
		}
	}
	return statements
}

// Tables returns those of each server.
func Tables(l Layout) []Table {
	// A month goes when all of it is over, as engine.RulesOf has it, by which rows are taken: none is taken that is dropped at once.
	days := func(column string, more time.Duration) string {
		if l.Retention == 0 {
			return ""
		}
		return fmt.Sprintf("addMonths(toStartOfMonth(%s), 1) + toIntervalDay(%d)", column, int((l.Retention+more)/(24*time.Hour)))
	}
	return append([]Table{
		{
			Name: Predictions,
			columns: `model_id String CODEC(ZSTD(1)),
    environment String CODEC(ZSTD(1)),
    model_version String CODEC(ZSTD(1)),
    timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    prediction_id String CODEC(ZSTD(1)),
    has_actual UInt8 CODEC(ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1)),
    predicted_value Float64 CODEC(ZSTD(1)),
    actual_value Float64 CODEC(ZSTD(1)),
    features String CODEC(ZSTD(1))`,
			engine: "ReplacingMergeTree", arguments: "version",
			partition: "toYYYYMM(timestamp)", order: "model_id, environment, model_version, timestamp, prediction_id, has_actual",
			ttl: days("toDateTime(timestamp)", 0), settings: "index_granularity = 4096", distributedOverAll: true,
		},
		{
			Name: Series,
			columns: `model_id String,
    environment String,
    model_version String,
    month UInt32,
    first SimpleAggregateFunction(min, Int64),
    last SimpleAggregateFunction(max, Int64),
    kinds SimpleAggregateFunction(groupBitOr, UInt8)`,
			engine: "AggregatingMergeTree", order: "model_id, environment, model_version, month",
			ttl: days("toDateTime(intDiv(last, 1000))", 0),
		},
		{
			Name: Actuals,
			columns: `model_id String CODEC(ZSTD(1)),
    prediction_id String CODEC(ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1)),
    model_version String CODEC(ZSTD(1)),
    environment String CODEC(ZSTD(1)),
    known UInt8 CODEC(ZSTD(1)),
    actual_value Float64 CODEC(ZSTD(1)),
    observed Int64 CODEC(Delta(8), ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1))`,
			engine: "ReplacingMergeTree", partition: "toYYYYMM(received)", order: "model_id, prediction_id, version, model_version, environment",
			ttl: days("toDateTime(received)", l.ActualsTTL), settings: "index_granularity = 4096", distributedOverAll: true,
		},
	}, bookTables()...)
}

// bookTables are those beside rows and actuals.
func bookTables() []Table {
	return []Table{
		{
			Name: Scopes, columns: "model_id String,\n    scoped SimpleAggregateFunction(max, UInt8)",
			engine: "AggregatingMergeTree", order: "model_id",
		},
		{
			Name: Requests,
			columns: `id String,
    kind Enum8('block' = 1, 'key' = 2),
    digest String,
    successful UInt64,
    quarantined UInt64,
    at DateTime64(3, 'UTC')`,
			engine: "ReplacingMergeTree", order: "kind, id", ttl: "toDateTime(at) + toIntervalDay(7)",
		},
		{
			// Announcements are compressed when they come, are read after a death alone, and are dropped minutes later, a minute of them at a
			// time: merging is for those that are small, so that requests of a few rows do not make more parts than a server takes.
			Name: Pending, columns: "id String,\n    at DateTime64(3, 'UTC') DEFAULT now64(3),\n    block String CODEC(NONE)",
			engine: "MergeTree", partition: "toStartOfMinute(at)", order: "id",
			settings: "max_bytes_to_merge_at_max_space_in_pool = 1048576, max_bytes_to_merge_at_min_space_in_pool = 1048576",
		},
		{
			Name: Quarantine,
			columns: `source String,
    inserted_at DateTime64(3, 'UTC'),
    import_id String,
    line_number UInt32,
    error_column String,
    code UInt8,
    reason String,
    line String CODEC(ZSTD(1)),
    place String,
    stored DateTime DEFAULT now()`,
			engine: "ReplacingMergeTree", partition: "toYYYYMMDD(stored)", order: "inserted_at, source, import_id, line_number, line",
			ttl: "stored + toIntervalDay(30)", distributedOverAll: true,
		},
		{
			Name: Positions, columns: "source String,\n    part String,\n    value String,\n    version UInt64",
			engine: "ReplacingMergeTree", arguments: "version", order: "source, part",
		},
		{
			Name: Meta, columns: "name String,\n    value String,\n    version UInt64",
			engine: "ReplacingMergeTree", arguments: "version", order: "name",
		},
		{
			// By the window a version is given once, see Workspace.Replace; replicated tables have one in their keeper.
			Name: Workspace, columns: "folder String,\n    name String,\n    version UInt64,\n    value String CODEC(ZSTD(1))",
			engine: "ReplacingMergeTree", arguments: "version", order: "folder, name", settings: "non_replicated_deduplication_window = 1000",
		},
	}
}

func (l *Layout) create(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s.%s (\n    %s\n)\nENGINE = ", l.Database, t.Name, t.columns)
	settings := []string{"fsync_after_insert = 1", "fsync_part_directory = 1"}
	if l.Replicated {
		fmt.Fprintf(&b, "Replicated%s('/clickhouse/tables/{shard}/%s/%s', '{replica}'", t.engine, l.Database, t.Name)
		if t.arguments != "" {
			b.WriteString(", " + t.arguments)
		}
		b.WriteByte(')')
		// A replica that starts before its keeper looks for it again soon; by default that takes a minute, in which its shard takes nothing.
		settings = []string{"initialization_retry_period = 5"}
	} else {
		fmt.Fprintf(&b, "%s(%s)", t.engine, t.arguments)
	}
	if t.partition != "" {
		b.WriteString("\nPARTITION BY " + t.partition)
	}
	fmt.Fprintf(&b, "\nORDER BY (%s)", t.order)
	if t.ttl != "" {
		b.WriteString("\nTTL " + t.ttl)
		settings = append(settings, "ttl_only_drop_parts = 1")
	}
	if t.settings != "" {
		settings = append(settings, t.settings)
	}
	if len(settings) > 0 {
		b.WriteString("\nSETTINGS " + strings.Join(settings, ", "))
	}
	return b.String()
}

// The views, and the tables that they fill.
const (
	viewSeries = "series_of_predictions"
	viewScopes = "scopes_of_actuals"
)

// Filled are the tables that views fill, and these views.
var Filled = []string{Series, viewSeries, Scopes, viewScopes}

// Views returns the statements of the views, which fill the tables series and scopes from what is stored in predictions and actuals.
func (l *Layout) Views() []Statement {
	return []Statement{
		{viewSeries, fmt.Sprintf("CREATE MATERIALIZED VIEW IF NOT EXISTS %[1]s.%[2]s TO %[1]s.%[3]s AS\n%[4]s", l.Database, viewSeries, Series, SeriesOf(l.Database, ""))},
		{viewScopes, fmt.Sprintf("CREATE MATERIALIZED VIEW IF NOT EXISTS %[1]s.%[2]s TO %[1]s.%[3]s AS\n%[4]s", l.Database, viewScopes, Scopes, ScopesOf(l.Database))},
	}
}

// SeriesOf selects the series and months of the rows under a condition, of all rows if it is empty, as the table series has them.
func SeriesOf(database, condition string) string {
	where := ""
	if condition != "" {
		where = "WHERE " + condition + " "
	}
	return fmt.Sprintf(`SELECT model_id, environment, model_version, toYYYYMM(timestamp) AS month, min(toUnixTimestamp64Milli(timestamp)) AS first, max(toUnixTimestamp64Milli(timestamp)) AS last,
    groupBitOr(toUInt8(1 + has_actual)) AS kinds
FROM %s.predictions %sGROUP BY model_id, environment, model_version, month`, database, where)
}

// ScopesOf selects the models that have actuals, as the table scopes has them.
func ScopesOf(database string) string {
	return fmt.Sprintf("SELECT model_id, max(toUInt8(model_version != '' OR environment != '')) AS scoped FROM %s.actuals GROUP BY model_id", database)
}

// Column is one of a table: its name and type, without codec and default.
type Column struct{ Name, Type string }

// Columns returns the columns of a table.
func (t *Table) Columns() (list []Column) {
	for line := range strings.SplitSeq(t.columns, ",\n") {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, _, _ = strings.Cut(rest, " CODEC(")
		rest, _, _ = strings.Cut(rest, " DEFAULT ")
		list = append(list, Column{name, rest})
	}
	return list
}
