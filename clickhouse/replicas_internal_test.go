package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// replica answers as a server would: what is nil is not asked for.
type replica struct {
	driver.Conn
	ping  func(ctx context.Context) error
	exec  func(statement string) error
	query func(ctx context.Context) (driver.Rows, error)
	time  func(ctx context.Context) (uint64, error)
	send  func(statement string) error
	// touched are the models that a deletion is about, m where it is nil.
	touched func() []string
	// pending is what is announced, nothing where it is empty.
	pending []string

	mu    sync.Mutex
	noted []string
	// under is how many blocks are on their way; where held is not nil each waits for it.
	under int
	held  chan struct{}
}

func (r *replica) models() []string {
	if r.touched == nil {
		return []string{"m"}
	}
	return r.touched()
}

func (r *replica) Close() error { return nil }

func (r *replica) Ping(ctx context.Context) error { return r.ping(ctx) }

func (r *replica) Exec(_ context.Context, statement string, _ ...any) error {
	r.note(statement)
	return r.exec(statement)
}

func (r *replica) note(statement string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noted = append(r.noted, statement)
}

// executed are the statements so far.
func (r *replica) executed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.noted)
}

func (r *replica) Query(ctx context.Context, _ string, _ ...any) (driver.Rows, error) {
	return r.query(ctx)
}

func (r *replica) QueryRow(ctx context.Context, statement string, _ ...any) driver.Row {
	return answerRow{of: r, ctx: ctx, statement: statement}
}

// answerRow answers which models a deletion touches, that nothing is announced, or what time it is.
type answerRow struct {
	driver.Row
	of        *replica
	ctx       context.Context
	statement string
}

func (r answerRow) Scan(dest ...any) (err error) {
	switch into := dest[0].(type) {
	case *[]string:
		if *into = r.of.pending; !strings.Contains(r.statement, "r.pending") {
			*into = r.of.models()
		}
	case *uint64:
		*into, err = r.of.time(r.ctx)
	}
	return err
}

func (r *replica) PrepareBatch(_ context.Context, statement string, _ ...driver.PrepareBatchOption) (driver.Batch, error) {
	r.mu.Lock()
	r.under++
	r.mu.Unlock()
	if r.held != nil {
		<-r.held
	}
	return &storedBatch{of: r, statement: statement}, nil
}

// storedBatch is a block that a replica takes.
type storedBatch struct {
	driver.Batch
	of        *replica
	statement string
}

// tables are those that blocks were stored in, in their order.
func (r *replica) tables() (tables []string) {
	for _, statement := range r.executed() {
		tables = append(tables, strings.Fields(statement)[2])
	}
	return tables
}

func (b *storedBatch) Column(int) driver.BatchColumn { return anyColumn{} }
func (b *storedBatch) Close() error                  { return nil }
func (b *storedBatch) Send() error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	b.of.under--
	if b.of.send != nil {
		if err := b.of.send(b.statement); err != nil {
			return err
		}
	}
	b.of.noted = append(b.of.noted, b.statement)
	return nil
}

type anyColumn struct{ driver.BatchColumn }

func (anyColumn) Append(any) error { return nil }

// someRows are a number of rows, and then an error.
type someRows struct {
	driver.Rows
	count int
	err   error
	hash  string // of a key
}

func (r *someRows) Next() bool { r.count--; return r.count >= 0 }
func (r *someRows) Scan(dest ...any) error {
	if hash, ok := dest[0].(*string); ok && r.hash != "" {
		*hash = r.hash
	}
	return nil
}
func (r *someRows) Err() error   { return r.err }
func (r *someRows) Close() error { return nil }

var (
	errReset     = errors.New("connection reset")
	errTooFew    = &ch.Exception{Code: codeTooFewReplicas, Message: "Number of alive replicas (1) is less than requested quorum (2/2)."}
	errNotAll    = &ch.Exception{Code: codeUnfinished, Message: "Mutation is not finished because some replicas are inactive right now: r2."}
	errNoQuorum  = &ch.Exception{Code: 319, Message: "Timeout while waiting for quorum"}
	errReadOnly  = &ch.Exception{Code: 242, Message: "Table is in readonly mode"}
	errEnding    = &ch.Exception{Code: 236, Message: "Server is shutting down"}
	errComesBack = &ch.Exception{Code: 244, Message: "Unexpected logical error while adding block 71: Bad version, path /r/replicas/r1/host"}
	errDisk      = &ch.Exception{Code: 33, Message: "Cannot read all data. Bytes read: 0. Bytes expected: 8."}
	errStarting  = &ch.Exception{Code: 667, Message: "Table is not initialized yet"}
	errForAll    = &ch.Exception{Code: 47, Message: "Unknown expression"}
	errBusy      = fmt.Errorf("ping: %w", ch.ErrAcquireConnTimeout)
	errNoTimeout = errors.New("connection refused")
)

// replicasOf is a shard of replicas.
func replicasOf(conns ...*replica) *shard {
	s := &shard{number: 1, weight: 1, quorum: len(conns)/2 + 1, stop: make(chan struct{})}
	if len(conns) == 1 {
		s.quorum = 0
	}
	for i, c := range conns {
		s.nodes = append(s.nodes, &node{replica: i + 1, address: fmt.Sprintf("h:%d", i+1), conn: c})
	}
	return s
}

// TestInsertOutcome has replicas answer a block one after the other: once it may be stored, no later refusal says that it is not.
func TestInsertOutcome(t *testing.T) {
	type said struct {
		sent bool
		err  error
	}
	for name, c := range map[string]struct {
		said  []said
		class error // nil where the block is stored
		text  string
	}{
		"stored":                        {[]said{{true, nil}}, nil, ""},
		"elsewhere":                     {[]said{{false, errReset}, {true, nil}}, nil, ""},
		"read-only here":                {[]said{{true, errReadOnly}, {true, nil}}, nil, ""},
		"coming back here":              {[]said{{true, errComesBack}, {true, nil}}, nil, ""},
		"refused":                       {[]said{{true, errTooFew}}, engine.ErrUnavailable, "too few of its replicas are there for a quorum"},
		"nobody there":                  {[]said{{false, errReset}, {false, errReset}}, engine.ErrUnavailable, "it cannot be reached"},
		"read-only, and nobody":         {[]said{{true, errReadOnly}, {false, errReset}}, engine.ErrUnavailable, "its replicas are read-only"},
		"cut off, then refused":         {[]said{{true, errReset}, {true, errTooFew}}, engine.ErrOutcomeUnknown, "too few of its replicas are there for a quorum; whether"},
		"no quorum, then refused":       {[]said{{true, errNoQuorum}, {false, errReset}, {true, errTooFew}}, engine.ErrOutcomeUnknown, "too few"},
		"no quorum, then stored":        {[]said{{true, errNoQuorum}, {true, errNoQuorum}, {true, nil}}, nil, ""},
		"all connections in use":        {[]said{{false, ch.ErrAcquireConnTimeout}, {false, ch.ErrAcquireConnTimeout}, {true, nil}}, nil, ""},
		"in use, then nobody there":     {[]said{{false, ch.ErrAcquireConnTimeout}, {false, errReset}, {false, errReset}, {false, errReset}}, engine.ErrUnavailable, "it cannot be reached"},
		"cut off, then another's fault": {[]said{{true, errReset}, {true, errForAll}}, engine.ErrOutcomeUnknown, "its tables are not those that this server needs"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				of, left := replicasOf(&replica{}, &replica{}), c.said
				s := &Store{config: Config{Options: Options{}.withDefaults()}}
				ctx, cancel := context.WithTimeout(t.Context(), s.config.InsertTimeout)
				defer cancel()
				tokens := map[any]bool{}
				err := s.insert(ctx, of, "store a block", func(_ context.Context, _ driver.Conn, settings ch.Settings) (bool, error) {
					token := settings["insert_deduplication_token"]
					require.NotEmpty(t, token)
					require.False(t, tokens[token], "a server would pass over this try")
					tokens[token] = true
					x := left[0]
					left = left[1:]
					return x.sent, x.err
				})
				require.Empty(t, left, "a replica is not asked")
				if c.class == nil {
					require.NoError(t, err)
					require.Equal(t, !errors.Is(c.said[0].err, ch.ErrAcquireConnTimeout) && len(c.said) > 1 && !c.said[0].sent, of.there() < 2, "who has no connection free is there")
					return
				}
				require.ErrorIs(t, err, c.class)
				away, ok := errors.AsType[*engine.AwayError](err)
				require.True(t, ok)
				require.Contains(t, away.Text, c.text)
				require.Equal(t, errors.Is(c.class, engine.ErrOutcomeUnknown), strings.Contains(away.Text, "is not known"), away.Text)
			})
		})
	}
}

// TestAskReplicas has a question answered by the first replica that can, and by no other.
func TestAskReplicas(t *testing.T) {
	for name, c := range map[string]struct {
		replicas int
		errs     []error
		fails    bool
	}{
		"the first":               {2, []error{nil}, false},
		"the second":              {2, []error{errReset, nil}, false},
		"one that ends":           {2, []error{errEnding, nil}, false},
		"one that starts":         {2, []error{errStarting, nil}, false},
		"one that comes back":     {2, []error{errComesBack, nil}, false},
		"one whose disk fails":    {2, []error{errDisk, nil}, false},
		"all of whose disks fail": {2, []error{errDisk, errDisk}, true},
		"none":                    {2, []error{errReset, errReset}, true},
		"wrong everywhere":        {2, []error{errForAll}, true},
		"rows were handed on":     {2, []error{fmt.Errorf("%w: %w", errHandedOn, errReset)}, true},
		"no replica, a cut":       {1, []error{errReset, nil}, false},
		"no replica, none there":  {1, []error{errReset, errReset}, true},
		"three, the last of them": {3, []error{errReset, errReset, nil}, false},
	} {
		t.Run(name, func(t *testing.T) {
			of, left := replicasOf(slices.Repeat([]*replica{{}}, c.replicas)...), c.errs
			err := of.ask(t.Context(), "ask", func(context.Context, driver.Conn) error {
				err := left[0]
				left = left[1:]
				return err
			})
			require.Empty(t, left, "a replica is not asked")
			require.Equal(t, c.fails, err != nil, "%v", err)
			if errors.Is(c.errs[0], errDisk) {
				require.Equal(t, c.replicas, of.there(), "a replica with a bad disk answers other questions")
			}
		})
	}
}

// TestGiveUp has a replica not answer any more: what is under way there is asked of the other one, if that answers.
func TestGiveUp(t *testing.T) {
	silent := func(ctx context.Context) error {
		<-ctx.Done()
		return os.ErrDeadlineExceeded
	}
	there := func(context.Context) error { return nil }
	for name, c := range map[string]struct {
		pings         [2]func(context.Context) error
		givenUp, away bool
	}{
		"silent":                 {[2]func(context.Context) error{silent, there}, true, true},
		"both silent":            {[2]func(context.Context) error{silent, silent}, false, true},
		"all connections in use": {[2]func(context.Context) error{func(context.Context) error { return errBusy }, there}, false, false},
		"refuses":                {[2]func(context.Context) error{func(context.Context) error { return errNoTimeout }, there}, false, true},
		"there":                  {[2]func(context.Context) error{there, there}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				of := replicasOf(&replica{ping: c.pings[0]}, &replica{ping: c.pings[1]})
				goOn := make(chan struct{})
				var asked []driver.Conn
				done := make(chan error, 1)
				go func() {
					done <- of.ask(t.Context(), "ask", func(ctx context.Context, conn driver.Conn) error {
						if asked = append(asked, conn); len(asked) == 2 {
							return nil
						}
						select {
						case <-ctx.Done():
							return ctx.Err()
						case <-goOn:
							return nil
						}
					})
				}()
				synctest.Wait()
				begin := time.Now()
				of.probe(t.Context())
				require.LessOrEqual(t, time.Since(begin), clockTimeout)
				require.Equal(t, c.away, of.nodes[0].isAway())
				synctest.Wait()
				if c.givenUp {
					require.NoError(t, <-done)
					require.Len(t, asked, 2)
					require.Equal(t, of.nodes[1].conn, asked[1])
					return
				}
				require.Empty(t, done, "it was given up")
				close(goOn)
				require.NoError(t, <-done)
			})
		})
	}
}

// TestRowsOfLostReplica has a replica fail after a part of its rows: the answer is an error and not half of one.
func TestRowsOfLostReplica(t *testing.T) {
	for name, c := range map[string]struct {
		rows, queries int
		answers       bool
	}{
		"before the first batch": {rowsAtOnce - 1, 2, true},
		"after it":               {rowsAtOnce + 1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			queries := 0
			answer := func(err error) *replica {
				return &replica{query: func(context.Context) (driver.Rows, error) {
					queries++
					return &someRows{count: c.rows, err: err}, nil
				}}
			}
			first, second := answer(errReset), answer(nil)
			rows := 0
			walk := rowsWalk{rowsReader: &rowsReader{query: &engine.RowsQuery{}}, of: &asked{shard: replicasOf(first, second)}, hand: func(batch []row) bool {
				rows += len(batch)
				return true
			}}
			err := walk.read(t.Context(), "SELECT")
			require.Equal(t, c.queries, queries)
			if c.answers {
				require.NoError(t, err)
				require.Equal(t, c.rows, rows)
				return
			}
			require.ErrorIs(t, err, engine.ErrUnavailable)
		})
	}
}

// TestDeleteWithReplicaAway deletes from a shard one of whose replicas is away: all steps are done where they can be, the error says that
// not all is done, and no series is lost that still has rows.
func TestDeleteWithReplicaAway(t *testing.T) {
	inserts := []error{errTooFew, nil} // with a quorum, and without
	one := &replica{exec: func(statement string) (err error) {
		if strings.HasPrefix(statement, "DELETE") {
			return errNotAll
		}
		err, inserts = inserts[0], inserts[1:]
		return err
	}}
	of := replicasOf(one, &replica{})
	s := &Store{config: Config{Database: "r"}}
	err := of.ask(t.Context(), "delete", func(ctx context.Context, conn driver.Conn) error {
		return s.deleteFrom(ctx, of, conn, &deletion{rows: "model_id = 'm'", actuals: "model_id = 'm'"}, new([]string))
	})
	require.ErrorIs(t, err, engine.ErrUnavailable)
	require.Contains(t, saying(err, deletedInPart).Error(), "a part may be deleted, send the deletion again")
	var tables []string
	for _, statement := range one.executed() {
		words := strings.Fields(statement)
		tables = append(tables, words[0]+" "+words[2])
	}
	require.Equal(t, []string{"DELETE r.actuals", "DELETE r.predictions", "DELETE r.series", "INSERT r.series", "INSERT r.series"}, tables)

	// With all there, the series are found once the replica has what the others have.
	both := &replica{exec: func(string) error { return nil }}
	s = storeOf(t, replicasOf(both, &replica{}))
	require.NoError(t, s.deleteFromAll(t.Context(), &deletion{rows: "model_id = 'm'", of: s.shards.list}))
	require.Contains(t, both.executed()[2], "SYSTEM SYNC REPLICA r.predictions")
	require.Equal(t, []string{"r.predictions", "r.series", "REPLICA", "r.series"}, both.tables())
}

// TestSettingsOfReplicas holds the settings that make rows durable on a majority, and a deletion one of all replicas.
func TestSettingsOfReplicas(t *testing.T) {
	holds := func(settings, want ch.Settings) {
		t.Helper()
		for name, value := range want {
			require.Equal(t, value, settings[name], name)
		}
	}
	for count, quorum := range map[int]int{2: 2, 3: 2, 4: 3, 5: 3} {
		of := replicasOf(slices.Repeat([]*replica{{}}, count)...)
		holds(of.insertSettings(), ch.Settings{"insert_quorum": quorum, "insert_quorum_parallel": 1, "insert_deduplicate": 0, "async_insert": 0})
		holds(of.deletionSettings(), ch.Settings{"insert_quorum": quorum, "mutations_sync": 2, "lightweight_deletes_sync": 2})
		holds(of.changeSettings("f", 7), ch.Settings{"insert_quorum": quorum, "insert_quorum_parallel": 0, "insert_deduplicate": 1, "insert_deduplication_token": "f 7"})
		holds(of.sequentialSettings(), ch.Settings{"select_sequential_consistency": 1})
	}
	alone := replicasOf(&replica{})
	require.NotContains(t, alone.insertSettings(), "insert_quorum")
	require.NotContains(t, alone.sequentialSettings(), "select_sequential_consistency")
}

// TestClose closes a store while a request waits for its block: it is stored, and others are refused.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &replica{
			time:  func(context.Context) (uint64, error) { return 1 << 40, nil },
			query: func(context.Context) (driver.Rows, error) { return &someRows{}, nil },
			ping:  func(context.Context) error { return nil },
		}
		s := storeOf(t, replicasOf(conn))
		s.config.Now = func() time.Time { return time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC) }
		s.lanes, s.spread, s.stop = nil, nil, make(chan struct{})
		s.context, s.cancel = context.WithCancel(t.Context())
		s.start()
		batch := requestFor(t, []string{"m"}, time.January).batch
		_, err := s.Append(t.Context(), batch)
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() {
			_, err := s.Append(t.Context(), batch)
			ended <- err
		}()
		synctest.Wait()
		require.Len(t, conn.tables(), 1, "the second one waits")
		require.NoError(t, s.Close())
		require.NoError(t, <-ended)
		require.Equal(t, []string{"r.predictions", "r.predictions"}, conn.tables())
		_, err = s.Append(t.Context(), batch)
		require.ErrorIs(t, err, engine.ErrClosed)
		require.NoError(t, s.Close())
	})
}

// TestDeletionGoesOn has a deletion take longer than its requests wait: they are told that it goes on, it does so to its end, with the series of
// what it has deleted, and the same deletion sent again begins behind it.
func TestDeletionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		conn := &replica{time: func(context.Context) (uint64, error) { return 7, nil }, exec: func(statement string) error {
			if strings.Contains(statement, "r.predictions WHERE model_id IN ('m')") && strings.HasPrefix(statement, "DELETE FROM r.predictions") {
				<-gate
			}
			return nil
		}}
		s := storeOf(t, replicasOf(conn))
		s.context = t.Context()
		send := func() (engine.Deleted, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			return s.DeleteRows(ctx, engine.Deletion{Models: []string{"m"}})
		}
		for range 2 {
			_, err := send()
			require.ErrorIs(t, err, engine.ErrOutcomeUnknown)
			away, ok := errors.AsType[*engine.AwayError](err)
			require.True(t, ok)
			require.Contains(t, away.Text, "the deletion is under way and goes on")
			require.Len(t, conn.executed(), 2, "of actuals and of predictions")
		}
		close(gate)
		s.others.Wait()
		once := []string{"r.actuals", "r.predictions", "r.series", "r.series"}
		require.Equal(t, once, conn.tables())
		done, err := send()
		require.NoError(t, err)
		require.Equal(t, uint64(7), done.Rows)
		require.Equal(t, append(once, once...), conn.tables())
	})
}

// TestDeletionAfterATry has the first try of a deletion fail after its rows are gone: the second one finds the series of their models all the same.
func TestDeletionAfterATry(t *testing.T) {
	gone := false
	conn := &replica{exec: func(statement string) error {
		if strings.HasPrefix(statement, "DELETE FROM r.predictions") && !gone {
			gone = true
			return errReset
		}
		if strings.HasPrefix(statement, "DELETE FROM r.series") {
			require.Contains(t, statement, "model_id IN ('m')")
		}
		return nil
	}}
	conn.touched = func() []string {
		if gone {
			return nil
		}
		return []string{"m"}
	}
	s := storeOf(t, replicasOf(conn))
	require.NoError(t, s.deleteFromAll(t.Context(), &deletion{rows: "prediction_id = 'p'", of: s.shards.list}))
	require.Equal(t, []string{"r.predictions", "r.predictions", "r.series", "r.series"}, conn.tables())
}

// TestCompletedInParts has what is left behind be stored in part, and by one announcement take all the time that it has: the next try stores the rest
// alone, and the others have time of their own.
func TestCompletedInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var months []time.Month
		for m := range time.Month(40) {
			months = append(months, m-28)
		}
		home := &replica{time: func(ctx context.Context) (uint64, error) { return 0, ctx.Err() }}
		s := storeOf(t, replicasOf(home))
		announce := func(months ...time.Month) {
			requests := []*request{requestFor(t, []string{"m"}, months...)}
			blocks := blocksOf(requests, &s.shards)
			for _, b := range blocks {
				b.stamp(1<<versionTagBits, time.Now())
			}
			home.pending = []string{announcementOf(requests, blocks, &s.shards).encode()}
		}
		announce(months...)
		sent := 0
		home.send = func(string) error {
			if sent++; sent > 30 {
				return &ch.Exception{Code: 48}
			}
			return nil
		}
		require.Error(t, s.completeOne(t.Context(), s.shards.list[0], "left"))
		require.Len(t, home.tables(), 30)
		home.send = nil
		require.NoError(t, s.completeOne(t.Context(), s.shards.list[0], "left"))
		require.Len(t, home.tables(), 41, "each block once, and the mark")

		announce(time.January)
		home.pending = slices.Repeat(home.pending, 2)
		late := false
		home.send = func(string) error {
			if !late {
				late = true
				time.Sleep(time.Hour) // by the clock of the bubble
				return errReset
			}
			return nil
		}
		require.Error(t, s.complete(t.Context(), s.shards.list[0], "1"))
		require.Equal(t, []string{"r.predictions", "r.requests"}, home.tables()[41:])
	})
}

// TestCompletedMeanwhile has another server complete what is left behind while one of its blocks cannot be stored for a while: it is not stored
// again, since it may be deleted by then.
func TestCompletedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var marks atomic.Uint64
		home := &replica{time: func(context.Context) (uint64, error) { return marks.Load(), nil }}
		s := storeOf(t, replicasOf(home))
		requests := []*request{requestFor(t, []string{"m"}, time.January, time.February)}
		blocks := blocksOf(requests, &s.shards)
		for _, b := range blocks {
			b.stamp(1<<versionTagBits, time.Now())
		}
		home.pending = []string{announcementOf(requests, blocks, &s.shards).encode()}
		home.send = func(string) error {
			marks.Store(1)
			return errReset
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, s.completeOne(ctx, s.shards.list[0], "left"))
		require.Empty(t, home.tables())

		marks.Store(0)
		home.send = nil
		require.NoError(t, s.completeOne(ctx, s.shards.list[0], "left"))
		require.Equal(t, []string{"r.predictions", "r.predictions", "r.requests"}, home.tables())
	})
}

// TestAskInTime has a server that does not answer while there is time be told from one that cannot be reached.
func TestAskInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := replicasOf(&replica{}).ask(ctx, "ask", func(ctx context.Context, _ driver.Conn) error { <-ctx.Done(); return ctx.Err() })
		away, ok := errors.AsType[*engine.AwayError](err)
		require.True(t, ok)
		require.Equal(t, "shard 1 of the cluster: it did not answer in time", away.Text)
	})
}

// TestHealthOfReplicas has health say which shard has too few replicas to take events, and which has none.
func TestHealthOfReplicas(t *testing.T) {
	s := &Store{several: &lane{}}
	for range 2 {
		s.shards.list = append(s.shards.list, replicasOf(&replica{}, &replica{}))
		s.lanes, s.spread = append(s.lanes, &lane{}), append(s.spread, &lane{})
	}
	require.Equal(t, engine.Health{Ready: true}, s.Health())
	s.shards.list[0].nodes[1].setAway(time.Hour)
	h := s.Health()
	require.False(t, h.Degraded)
	require.Equal(t, "of shard 1 (h:1, h:2) 1 of 2 replicas can be reached, and it takes events with 2", h.Amiss)
	s.shards.list[0].nodes[0].setAway(time.Hour)
	require.Equal(t, "shard 1 (h:1, h:2) cannot be reached", s.Health().Amiss)
	require.False(t, s.Health().Degraded)
	for _, n := range s.shards.list[1].nodes {
		n.setAway(time.Hour)
	}
	require.True(t, s.Health().Degraded)
}

// storeOf is a store over shards, without what runs in the background.
func storeOf(t *testing.T, list ...*shard) *Store {
	t.Helper()
	s := &Store{config: Config{Database: "r", Options: Options{}.withDefaults()}, clocks: make([]clock, len(list)), several: &lane{}}
	for i, of := range list {
		of.number = i + 1
		s.lanes, s.spread = append(s.lanes, &lane{shard: of}), append(s.spread, &lane{shard: of})
	}
	var err error
	s.shards, err = newShards(list)
	require.NoError(t, err)
	return s
}

// requestFor is a request with a row of each of some models in each of some months.
func requestFor(t *testing.T, models []string, months ...time.Month) *request {
	t.Helper()
	var b event.Batch
	for _, model := range models {
		for _, month := range months {
			require.NoError(t, b.Add(event.Event{Timestamp: time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC), ModelID: model, ModelVersion: "v", Environment: "e", PredictionID: "p", Features: "{}"}, event.Rules{Newest: 1 << 50}))
		}
	}
	return &request{batch: &b}
}

// TestInsertInTime has the time of a block be over, which says nothing of the server that it was sent to.
func TestInsertInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := replicasOf(&replica{}, &replica{})
		s := &Store{config: Config{Options: Options{}.withDefaults()}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.insert(ctx, of, "store a block", func(ctx context.Context, _ driver.Conn, _ ch.Settings) (bool, error) {
			<-ctx.Done()
			return true, ctx.Err()
		})
		require.ErrorIs(t, err, engine.ErrOutcomeUnknown)
		require.Equal(t, 2, of.there())
	})
}

// TestManyBlocks has a request of a hundred months, whose blocks do not take all connections to a server at once.
func TestManyBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := &replica{time: func(context.Context) (uint64, error) { return 1, nil }, held: make(chan struct{})}
		s := storeOf(t, replicasOf(home))
		var months []time.Month
		for i := range 100 {
			months = append(months, time.Month(1+i))
		}
		kept := make(chan []error)
		requests := []*request{requestFor(t, []string{"m"}, months...)}
		go func() { kept <- s.keep(t.Context(), nil, true, requests) }()
		home.held <- struct{}{} // it is announced
		synctest.Wait()
		require.Equal(t, blocksAtOnce, home.under)
		close(home.held)
		require.Equal(t, []error{nil}, <-kept)
		require.Len(t, home.tables(), 102, "what is announced, the blocks, and the mark")
	})
}

// TestOneShardAway has requests come together of which some have rows on a shard that is away: these are refused, and nothing of them is
// stored; the others are stored, and what is said of them is on a shard that they are of.
func TestOneShardAway(t *testing.T) {
	there := func(context.Context) (uint64, error) { return 1 << 40, nil }
	gone := func(context.Context) (uint64, error) { return 0, errReset }
	for _, away := range []int{0, 1} {
		t.Run(fmt.Sprint("shard ", away+1), func(t *testing.T) {
			conns := []*replica{{time: there}, {time: there}}
			conns[away].time = gone
			s := storeOf(t, replicasOf(conns[0]), replicasOf(conns[1]))
			models := make([]string, 2)
			for i := 0; slices.Contains(models, ""); i++ {
				model := fmt.Sprint("m", i)
				models[s.shards.of(model).number-1] = model
			}
			alone := requestFor(t, models[1-away:2-away], time.January, time.February)
			require.Same(t, s.spread[1-away], s.laneOf(alone))
			require.Same(t, s.lanes[1-away], s.laneOf(requestFor(t, models[1-away:2-away], time.January)))
			both := requestFor(t, models, time.January)
			require.Same(t, s.several, s.laneOf(both))
			nothing := &request{batch: &event.Batch{}}
			require.Same(t, s.several, s.laneOf(nothing))

			errs := s.keep(t.Context(), nil, true, []*request{both, alone})
			require.ErrorIs(t, errs[0], engine.ErrUnavailable)
			require.ErrorContains(t, errs[0], fmt.Sprintf("shard %d of the cluster: it cannot be reached; nothing was stored", away+1))
			require.NoError(t, errs[1])
			require.Empty(t, conns[away].executed())
			require.Equal(t, []string{"r.pending", "r.predictions", "r.predictions", "r.requests"}, conns[1-away].tables())

			errs = s.keep(t.Context(), nil, true, []*request{both})
			require.ErrorIs(t, errs[0], engine.ErrUnavailable)
			require.NoError(t, s.keep(t.Context(), nil, true, []*request{nothing})[0])
			s.shards.list[0].nodes[0].setAway(time.Hour)
			s.shards.list[1].nodes[0].setThere()
			require.Equal(t, 2, s.home().number)
			s.lanes[1].failed, s.lanes[1].failedAt = errReset, time.Now()
			require.Equal(t, 1, s.home().number)
		})
	}
}

// TestKeyWithShardAway looks up a key on two shards: one that is away, or has not been found to be, hides no conflict, and one that is known to
// be away is not waited for.
func TestKeyWithShardAway(t *testing.T) {
	key := &engine.Key{ID: "k", Hash: [16]byte{1}}
	same, other := string(key.Hash[:]), "another"
	for name, c := range map[string]struct {
		hash        string // what the first shard has; the second is gone
		err         error  // what the first says
		away, known bool   // whether the second is known to be away; whether the key is found
		fails       error
	}{
		"known":                         {same, nil, false, true, nil},
		"not known":                     {"", nil, false, false, nil},
		"of another request":            {other, nil, false, false, engine.ErrConflict},
		"of another request, and known": {other, nil, true, false, engine.ErrConflict},
		"not waited for":                {same, nil, true, true, nil},
		"nobody there":                  {"", errReset, false, false, engine.ErrUnavailable},
		"wrong":                         {"", errForAll, false, false, ErrSchema},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			first := &replica{query: func(context.Context) (driver.Rows, error) {
				rows := &someRows{hash: c.hash}
				if c.hash != "" {
					rows.count = 1
				}
				return rows, c.err
			}}
			second := &replica{query: func(context.Context) (driver.Rows, error) { asked++; return nil, errReset }}
			s := storeOf(t, replicasOf(first), replicasOf(second))
			if c.away {
				s.shards.list[1].nodes[0].setAway(time.Hour)
			}
			appended, known, err := s.known(t.Context(), key)
			require.ErrorIs(t, err, c.fails)
			require.Equal(t, c.known, known)
			require.Equal(t, c.known, appended.Duplicate)
			require.Equal(t, c.away, asked == 0)
		})
	}
}

// TestRejectsOfRefusedRequests refuses one table of a shard after the other: the rejected lines of a request are stored once its rows are, and
// before its key.
func TestRejectsOfRefusedRequests(t *testing.T) {
	for _, c := range []struct {
		refuses string
		rows    bool
		class   error
		stored  []string
	}{
		{"r.predictions", true, engine.ErrFull, nil},
		{"r.quarantine", true, engine.ErrOutcomeUnknown, []string{"r.predictions"}},
		{"r.quarantine", false, engine.ErrFull, nil},
		{"r.requests", true, engine.ErrOutcomeUnknown, []string{"r.predictions", "r.quarantine"}},
		{"nothing", true, nil, []string{"r.predictions", "r.quarantine", "r.requests"}},
		{"nothing", false, nil, []string{"r.quarantine", "r.requests"}},
	} {
		t.Run(fmt.Sprintf("%s, rows=%t", c.refuses, c.rows), func(t *testing.T) {
			conn := &replica{time: func(context.Context) (uint64, error) { return 1 << 40, nil }, send: func(statement string) error {
				if strings.Contains(statement, c.refuses) {
					return &ch.Exception{Code: 252, Message: "Too many parts"}
				}
				return nil
			}}
			s := storeOf(t, replicasOf(conn))
			r := &request{batch: &event.Batch{}}
			if c.rows {
				r = requestFor(t, []string{"m"}, time.January)
			}
			r.rejects, r.key = []event.Reject{{Line: 2}}, &engine.Key{ID: "k"}
			err := s.keep(t.Context(), s.shards.list[0], false, []*request{r})[0]
			require.ErrorIs(t, err, c.class)
			require.Equal(t, errors.Is(c.class, engine.ErrOutcomeUnknown), errors.Is(err, engine.ErrOutcomeUnknown))
			require.Equal(t, c.stored, conn.tables())
		})
	}
}

// TestUnknownOnce has a block of a request of several months not be answered: what is not known is said once.
func TestUnknownOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &replica{time: func(context.Context) (uint64, error) { return 1 << 40, nil }, send: func(statement string) error {
			if strings.Contains(statement, "r.predictions") {
				return errReset
			}
			return nil
		}}
		s := storeOf(t, replicasOf(conn))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.keep(ctx, s.shards.list[0], true, []*request{requestFor(t, []string{"m"}, time.January, time.February)})[0]
		require.ErrorIs(t, err, engine.ErrOutcomeUnknown)
		e, ok := errors.AsType[*engine.AwayError](err)
		require.True(t, ok)
		require.Equal(t, "shard 1 of the cluster: it cannot be reached; whether the rows of this request are stored is not known, send it again", e.Text)
	})
}

// TestTimeOfSilentReplica asks a shard for its time, one of whose replicas does not answer: the other one does.
func TestTimeOfSilentReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &replica{time: func(ctx context.Context) (uint64, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		s := storeOf(t, replicasOf(silent, &replica{time: func(context.Context) (uint64, error) { return 7, nil }}))
		begin := time.Now()
		now, err := s.timeOf(t.Context(), s.shards.list[0])
		require.NoError(t, err)
		require.Equal(t, uint64(7), now)
		require.Equal(t, clockTimeout, time.Since(begin))
		_, err = s.timeOf(t.Context(), s.shards.list[0])
		require.NoError(t, err)
		require.Equal(t, clockTimeout, time.Since(begin), "the silent one is asked first again")

		s.shards.list[0].noteStored(&engine.AwayError{Class: engine.ErrFull, RetryAfter: time.Second, Err: engine.ErrFull}, time.Now())
		_, err = s.timeOf(t.Context(), s.shards.list[0])
		require.ErrorIs(t, err, engine.ErrFull, "nothing is announced for a shard that has just refused a block")
	})
}
