package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/go-faster/city"

	"github.com/residualdb/residual/engine"
)

// shard is the servers that have the rows of some models.
type shard struct {
	number int
	weight uint64
	nodes  []*node
	// stop is closed when the store is.
	stop <-chan struct{}
	// quorum is how many replicas have to have a block, 0 where there is one.
	quorum int
	// completed is what is done of announcements on the shard that were left behind.
	completed completed
	// refused is the last block that was refused, nil once one was stored.
	refused atomic.Pointer[refused]
}

// refused is what a block was refused with while its shard can be reached, as for too many parts, and until when it is not tried again.
type refused struct {
	engine.AwayError

	until time.Time
}

// refusedMost bounds how long a shard that has refused a block is left alone.
const refusedMost = 5 * time.Second

// noteStored notes what has become of a block.
func (s *shard) noteStored(err error, now time.Time) {
	e, ok := errors.AsType[*engine.AwayError](err)
	switch {
	case err == nil:
		s.refused.Store(nil)
	case ok && (errors.Is(e.Class, engine.ErrFull) || errors.Is(e.Class, engine.ErrNoSpace)):
		s.refused.Store(&refused{*e, now.Add(min(e.RetryAfter, refusedMost))})
	}
}

// refusal is the error of a shard that has refused a block a moment ago.
func (s *shard) refusal(now time.Time) error {
	r := s.refused.Load()
	if r == nil || now.After(r.until) {
		return nil
	}
	again := r.AwayError
	return &again
}

// foreign is the error of a shard of which a server has other tables than the store needs.
func (s *shard) foreign() error {
	for _, n := range s.nodes {
		if e := n.foreign.Load(); e != nil {
			again := *e
			return &again
		}
	}
	return nil
}

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
	method := ch.CompressionLZ4
	if c.Uncompressed {
		method = ch.CompressionNone
	}
	options := &ch.Options{
		Addr: []string{address}, Auth: ch.Auth{Username: c.Username, Password: c.Password},
		Settings: wholeSettings, Compression: &ch.Compression{Method: method}, DialTimeout: dialTimeout, ReadTimeout: readTimeout,
		MaxOpenConns: connsOfNode, MaxIdleConns: idleConnsKept, ConnMaxLifetime: connectionLife,
		ClientInfo: ch.ClientInfo{Products: []struct{ Name, Version string }{{"residual", "1"}}},
	}
	if c.TLS != nil {
		options.TLS = c.TLS.Clone()
		if host, _, err := net.SplitHostPort(address); err == nil {
			options.TLS.ServerName = host
		}
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

func (s *shard) addresses() string {
	names := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		names[i] = n.address
	}
	return strings.Join(names, ", ")
}

// each yields the nodes in the order in which they are asked: those that were not away a moment ago first. One without replicas comes twice,
// since all that has failed may be a connection that was cut.
func (s *shard) each(yield func(*node) bool) {
	var there, away []*node
	for _, n := range s.nodes {
		if n.isAway() {
			away = append(away, n)
		} else {
			there = append(there, n)
		}
	}
	order := slices.Concat(there, away)
	if len(order) == 1 {
		order = append(order, order[0])
	}
	for _, n := range order {
		if !yield(n) {
			return
		}
	}
}

// ask calls do with the connection of a replica, and of the next one where that cannot be reached, or is given up meanwhile.
func (s *shard) ask(ctx context.Context, what string, do func(ctx context.Context, conn driver.Conn) error) error {
	if s.isClosed() {
		return engine.ErrClosed
	}
	if err := s.foreign(); err != nil {
		return err
	}
	var failed error
	for n := range s.each {
		err := n.within(ctx, do)
		if err == nil {
			n.setThere()
			return nil
		}
		if answered(err) {
			return wrap(err, what, s, false)
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return wrap(errors.Join(errLate, err), what, s, false)
		}
		if ctx.Err() != nil {
			return wrap(err, what, s, false)
		}
		if !ofDisk(err) && !noneFree(err) { // the rest of its files can be read
			n.setAway(awayFor)
		}
		if errors.Is(err, errHandedOn) {
			return wrap(err, what, s, false)
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", n.address, err))
	}
	return wrap(failed, what, s, false)
}

// probe asks each replica whether it is there. Where one does not answer and another does, what is under way with the first is given up, so
// that it is asked of the other.
func (s *shard) probe(ctx context.Context) {
	silent := make([]bool, len(s.nodes))
	var group errorGroup
	for i, n := range s.nodes {
		group.do(func() error {
			ctx, cancel := context.WithTimeout(ctx, clockTimeout)
			defer cancel()
			switch err := n.conn.Ping(ctx); {
			case err == nil:
				n.setThere()
			case noneFree(err):
			default:
				n.setAway(probeEvery + clockTimeout)
				late, ok := errors.AsType[net.Error](err)
				silent[i] = ok && late.Timeout() // what is under way with a server that has ended has ended too
			}
			return nil
		})
	}
	_ = group.wait()
	if s.there() == 0 {
		return
	}
	for i, n := range s.nodes {
		if silent[i] {
			n.giveUp()
		}
	}
}

func (s *shard) isClosed() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// there is how many replicas were reached when they were last asked for.
func (s *shard) there() (count int) {
	for _, n := range s.nodes {
		if !n.isAway() {
			count++
		}
	}
	return count
}

// shards are those of a cluster, by number.
type shards struct {
	list  []*shard
	slots []*shard // by the remainder of a hash
}

// newShards lays out the slots of shards as a Distributed table does.
func newShards(list []*shard) (shards, error) {
	s := shards{list: list}
	for _, x := range list {
		for range x.weight {
			s.slots = append(s.slots, x)
		}
	}
	if len(s.slots) == 0 {
		return s, errors.Join(fmt.Errorf("%w: its shards have no weight", ErrCluster), s.close())
	}
	return s, nil
}

// of returns the shard of a model.
func (s *shards) of(model string) *shard {
	if len(s.slots) == 1 {
		return s.slots[0]
	}
	return s.slots[city.CH64([]byte(model))%uint64(len(s.slots))]
}

// weights are those of the shards, which together with their order say where each model is.
func (s *shards) weights() []uint64 {
	weights := make([]uint64, len(s.list))
	for i, x := range s.list {
		weights[i] = x.weight
	}
	return weights
}

func (s *shards) close() error {
	var errs []error
	for _, x := range s.list {
		for _, n := range x.nodes {
			errs = append(errs, n.conn.Close())
		}
	}
	return errors.Join(errs...)
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

// query returns a context with the settings of a question.
func query(ctx context.Context) context.Context {
	return ch.Context(ctx, ch.WithSettings(querySettings))
}
