package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
)

// node is one server: a replica of a shard.
type node struct {
	replica int
	address string
	conn    driver.Conn
	// awayUntil is until when others are asked before it, in Unix milliseconds.
	awayUntil atomic.Int64
	// foreign is the error of a server that has the tables of another shard, or of another version, nil else.
	foreign atomic.Pointer[engine.AwayError]

	mu sync.Mutex
	// under ends what is under way with the server. Guarded by mu.
	under map[*context.CancelCauseFunc]struct{}
}

// errGivenUp ends what is under way with a server that does not answer any more.
var errGivenUp = errors.New("the server does not answer any more")

// errHandedOn is of a replica that failed after some of its rows were handed on: another one has the same rows, but cannot go on from there.
var errHandedOn = errors.New("a part of the rows was handed on before")

// within calls do with a context that ends when the server is given up.
func (n *node) within(ctx context.Context, do func(ctx context.Context, conn driver.Conn) error) error {
	bound, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.mu.Lock()
	if n.under == nil {
		n.under = map[*context.CancelCauseFunc]struct{}{}
	}
	n.under[&cancel] = struct{}{}
	n.mu.Unlock()
	err := do(bound, n.conn)
	n.mu.Lock()
	delete(n.under, &cancel)
	n.mu.Unlock()
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(bound), errGivenUp) {
		return errGivenUp
	}
	return err
}

// giveUp ends what is under way with the server: it has not even answered whether it is there.
func (n *node) giveUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for cancel := range n.under {
		(*cancel)(errGivenUp)
	}
}

func (n *node) isAway() bool { return n.awayUntil.Load() > time.Now().UnixMilli() }

// setAway has others be asked before it for a time.
func (n *node) setAway(d time.Duration) { n.awayUntil.Store(time.Now().Add(d).UnixMilli()) }

func (n *node) setThere() { n.awayUntil.Store(0) }

// awayFor is how long a node that could not be reached is asked after the others.
const awayFor = 2 * time.Second

const (
	dialTimeout    = 3 * time.Second
	connsOfNode    = 64
	idleConnsKept  = 16
	readTimeout    = 5 * time.Minute
	connectionLife = time.Hour
)

// dial returns a node, whose server is not asked for anything yet.
func (c *Config) dial(address string) (*node, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrURL, address, err)
	}
	method := ch.CompressionNone
	if c.compresses(host) {
		method = ch.CompressionLZ4
	}
	options := &ch.Options{
		Addr: []string{address}, Auth: ch.Auth{Username: c.Username, Password: c.Password},
		Settings: wholeSettings, Compression: &ch.Compression{Method: method}, DialTimeout: dialTimeout, ReadTimeout: readTimeout,
		MaxOpenConns: connsOfNode, MaxIdleConns: idleConnsKept, ConnMaxLifetime: connectionLife,
		ClientInfo: ch.ClientInfo{Products: []struct{ Name, Version string }{{"residual", "1"}}},
	}
	if c.TLS != nil {
		options.TLS = c.TLS.Clone()
		options.TLS.ServerName = host
		if options.TLS.MinVersion == 0 {
			options.TLS.MinVersion = tls.VersionTLS12
		}
	}
	conn, err := ch.Open(options)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrURL, address, err)
	}
	return &node{address: address, conn: conn}, nil
}

// noTables tells whether a server has answered that it has no such database or table.
func noTables(err error) bool { return codeOf(err) == 60 || codeOf(err) == 81 }

// meta reads what the tables of a server say of themselves.
func (n *node) meta(ctx context.Context, database string) (meta, error) {
	return n.texts(ctx, fmt.Sprintf("SELECT name, argMax(value, version) FROM %s.%s GROUP BY name", database, schema.Meta))
}

// compresses tells whether LZ4 is used on the way to a host.
func (c *Config) compresses(host string) bool {
	if c.Compress != nil {
		return *c.Compress
	}
	return host != "localhost" && !net.ParseIP(host).IsLoopback()
}

// version returns that of a server; ErrVersion if it is too old.
func (n *node) version() (string, error) {
	v, err := n.conn.ServerVersion()
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d.%d.%d", v.Version.Major, v.Version.Minor, v.Version.Patch)
	return text, checkVersion(n.address, int(v.Version.Major), int(v.Version.Minor), text)
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

// eachRow calls scan for each row that a statement answers, until it fails.
func eachRow(ctx context.Context, conn driver.Conn, statement string, scan func(rows driver.Rows) error) error {
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// statementMax bounds a statement, which may name many series.
const statementMax = 64 << 20

// spilledBeyond is how many bytes of groups, and of rows that are sorted, a question keeps in memory; the rest goes to the server's disk.
const spilledBeyond = 1 << 30

// wholeSettings are those of every statement of a connection: a profile of the server's could bound what is read, grouped, joined or in a set and leave out what
// is beyond without a word, or change in other ways what an answer is.
var wholeSettings = ch.Settings{
	"max_rows_to_read": 0, "max_bytes_to_read": 0, "max_rows_to_read_leaf": 0, "max_bytes_to_read_leaf": 0, "max_rows_to_group_by": 0, "max_rows_to_sort": 0, "max_bytes_to_sort": 0,
	"max_rows_in_set": 0, "max_bytes_in_set": 0, "max_rows_in_join": 0, "max_bytes_in_join": 0, "max_rows_in_distinct": 0, "max_bytes_in_distinct": 0,
	"max_rows_to_transfer": 0, "max_bytes_to_transfer": 0, "max_result_rows": 0, "max_result_bytes": 0, "timeout_overflow_mode": "throw", "limit": 0, "offset": 0,
	"join_use_nulls": 0, "aggregate_functions_null_for_empty": 0, "transform_null_in": 0, "final": 0, "extremes": 0, "distributed_product_mode": "local", "join_algorithm": "direct,parallel_hash,hash",
	"apply_deleted_mask": 1, "use_query_cache": 0, "max_query_size": statementMax, "max_ast_elements": 1_000_000, "max_expanded_ast_elements": 1_000_000,
}

// querySettings are those of a question. Groups are made by a hash: in the order of the key they cost a question of 24 h 4 ms more, and one of
// all rows thrice as much.
var querySettings = ch.Settings{
	"prefer_localhost_replica": 1, "optimize_aggregation_in_order": 0, "max_bytes_before_external_group_by": spilledBeyond, "max_bytes_before_external_sort": spilledBeyond,
	"max_execution_time": 300, "do_not_merge_across_partitions_select_final": 1,
}

// insertSettings are those of one try to store a block. One that is sent again is stored again, which changes nothing: a server that passed
// over a block that it has had would not have to give it to the views again. ClickHouse 26.7 does not look at insert_deduplicate any more;
// that each try has a token of its own keeps every version from passing one over.
func (s *shard) insertSettings() ch.Settings {
	settings := ch.Settings{
		"async_insert": 0, "insert_deduplicate": 0, "insert_deduplication_token": newID(),
		"max_partitions_per_insert_block": 0, "optimize_on_insert": 1,
		"parallel_view_processing": 0, "materialized_views_ignore_errors": 0, "deduplicate_blocks_in_dependent_materialized_views": 0,
	}
	if s.quorum > 0 {
		settings["insert_quorum"] = s.quorum
		settings["insert_quorum_timeout"] = 10_000
		settings["insert_quorum_parallel"] = 1
		// A keeper that is away for some seconds is asked again soon after; by default the pauses double up to 10 s.
		settings["insert_keeper_retry_max_backoff_ms"] = 500
	}
	return settings
}

// query returns a context with the settings of a question.
func query(ctx context.Context) context.Context {
	return ch.Context(ctx, ch.WithSettings(querySettings))
}

// deletionSettings are those of a statement that deletes, which waits for all replicas. Replicas delete each by themselves, and one whose
// subquery has found something else takes the part of the one that was first: so they stay alike.
func (s *shard) deletionSettings() ch.Settings {
	settings := s.insertSettings()
	maps.Copy(settings, ch.Settings{"mutations_sync": 2, "lightweight_deletes_sync": 2, "allow_nondeterministic_mutations": 1})
	return settings
}
