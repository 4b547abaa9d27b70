package clickhouse

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

var rewriteSQL = flag.Bool("clickhouse.rewrite-sql", false, "write the golden statements anew")

// TestStatements holds what questions ask to a file, in which a change is seen.
func TestStatements(t *testing.T) {
	s := &Store{config: Config{Database: "residual", Options: Options{}.withDefaults()}}
	of := &asked{shard: &shard{number: 1}}
	q := &sums{store: s, models: modelsOf("a,b*", "b*", 0)}
	cells := &engine.Cells{Bounds: []int64{0, 10}, Spans: cellSpans(0, 10)}
	more := &engine.Cells{Bounds: []int64{0, 10, 20, 30}, Spans: cellSpans(0, 10, 20, 30), Want: segment.WantAll}
	some := []event.Series{{Model: "a'b", Version: `v\`, Environment: "e"}}
	var got strings.Builder
	write := func(title, statement string) { got.WriteString("-- " + title + "\n" + statement + "\n\n") }

	p := q.picture(of, cells, nil)
	write("sums of rows whose actuals came with them", q.sumsStatement(&p, cells))
	p.unsure = true
	write("the same, and whether actuals came apart", q.sumsStatement(&p, cells))
	p.unsure = false
	write("all sums", q.sumsStatement(&p, more))
	write("errors by size", bucketsStatement(s, &p, more))
	p.mix(some)
	write("sums of rows of which a series has both kinds", q.sumsStatement(&p, cells))
	p.pinned = pinnedTo(nil, some)
	write("rows of which a series has both kinds, and the others are of one", s.sql(&p))
	p.pinned = pinnedTo([]event.Series{{Model: "m"}, {Model: "n"}}, some)
	write("the same, where series are of either kind", s.sql(&p))
	of.actuals = true
	p = q.picture(of, cells, nil)
	p.unsure = true
	write("sums of rows whose actuals came apart, and whether one names a version", q.sumsStatement(&p, cells))
	p = q.picture(of, cells, some)
	write("sums of a series whose actuals came apart", q.sumsStatement(&p, cells))
	of.scoped = true
	p = q.picture(of, more, nil)
	p.lags = true
	write("errors and lags by size, of actuals that name versions", bucketsStatement(s, &p, more))

	own := &engine.Cells{Spans: cellSpans(0, 40), Own: []engine.OwnCells{{Series: some[0], Bounds: []int64{0, 10, 30, 40}, Spans: cellSpans(0, 10, 30, 40)}}}
	p = q.picture(&asked{shard: of.shard}, own, some)
	write("sums of series with cells of their own", q.sumsStatement(&p, own))
	ofCounts := *own
	ofCounts.Counted = true
	p = q.picture(of, &ofCounts, some)
	write("counts of these, of actuals that name versions", q.sumsStatement(&p, &ofCounts))
	ofCounts.Rows = true
	p = q.picture(of, &ofCounts, some)
	write("how many rows these have, whatever actuals came apart", q.sumsStatement(&p, &ofCounts))
	ofCounts.Rows = false
	p = q.picture(of, &ofCounts, some)
	own.Want, p.lags = segment.WantAll, true
	write("errors and lags of these by size", bucketsStatement(s, &p, own))
	p.length = s.actualsReach()
	write("counts of rows of a long time", q.sumsStatement(&p, &ofCounts))

	q.models, q.version, q.environment = modelsOf("a", "", 0), "v", "e"
	p = q.picture(&asked{shard: of.shard}, cells, nil)
	p.unsure = true
	write("sums of a series by name, and whether actuals of its model came apart", q.sumsStatement(&p, cells))

	walk := rowsWalk{rowsReader: &rowsReader{sums: q, query: &engine.RowsQuery{Limit: 10}, wanted: &engine.RowsWanted{To: 10}}, of: &asked{shard: of.shard, form: form{series: 1}}, left: 10}
	p = walk.picture(some, engine.CellSpan{To: 10})
	write("rows up to a limit, of all series that there are", walk.statement(&p, walk.limited(some)))
	require.Nil(t, walk.only)
	many := slices.Repeat(some, sliceSeries+1)
	walk.of.series = len(many)
	p = walk.picture(many, engine.CellSpan{To: 10})
	write("rows of more series than are named, which are taken up to the limit", walk.statement(&p, walk.limited(many)))
	require.NotNil(t, walk.only)
	came := event.Series{Model: "a", Version: "came", Environment: "meanwhile"}
	require.Equal(t, []counted{{Series: some[0]}}, walk.known([]counted{{Series: came}, {Series: some[0]}}), "what came meanwhile is in no slice")

	file := filepath.Join("testdata", "statements.sql")
	if *rewriteSQL {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func cellSpans(bounds ...int64) (spans []engine.CellSpan) {
	for i := 0; i < len(bounds); i += 2 {
		spans = append(spans, engine.CellSpan{From: bounds[i], To: bounds[i+1]})
	}
	return spans
}

func TestModelsOf(t *testing.T) {
	f := func(pattern, within string, literal engine.Columns, condition string, names ...string) {
		t.Helper()
		n := modelsOf(pattern, within, literal)
		require.Equal(t, condition, n.condition)
		require.Equal(t, names, n.names)
	}
	f("a", "", 0, "model_id = 'a'", "a")
	f("", "", 0, "0 OR model_id = ''")
	f("*", "", 0, "1")
	f("*", "", engine.ModelColumn, "model_id = '*'", "*")
	f("a,b", "", engine.ModelColumn, "model_id = 'a,b'", "a,b")
	f("a,b", "", 0, "model_id IN ('a', 'b') OR model_id = 'a,b'", "a", "b", "a,b")
	f("a*", "", 0, "startsWith(model_id, 'a') OR model_id = 'a*'")
	f("a', b*", "", 0, `startsWith(model_id, 'b') OR model_id IN ('a\'') OR model_id = 'a\', b*'`)
	f("*", "x,y", 0, "(1) AND (model_id IN ('x', 'y'))", "x", "y")
	f("a", "x*", 0, "(model_id = 'a') AND (startsWith(model_id, 'x'))", "a")
	f("*", ",", 0, "(1) AND (0)")
}

// TestFaults has what becomes of what ClickHouse and the network say.
func TestFaults(t *testing.T) {
	of := &shard{number: 2, nodes: []*node{{address: "h:1"}}}
	exception := func(code int32) error { return &ch.Exception{Code: code, Message: "says why"} }
	for _, c := range []struct {
		err     error
		unknown bool
		class   error
		text    string
		retried time.Duration
	}{
		{exception(252), false, engine.ErrFull, "shard 2 of the cluster: it has too many parts", 5 * time.Second},
		{exception(241), false, engine.ErrFull, "shard 2 of the cluster: it is short of memory", 2 * time.Second},
		{exception(243), false, engine.ErrNoSpace, "shard 2 of the cluster: its disk is full", 30 * time.Second},
		{exception(242), false, engine.ErrUnavailable, "shard 2 of the cluster: its replicas are read-only", 5 * time.Second},
		{exception(319), false, engine.ErrUnavailable, "it did not say", 5 * time.Second},
		{exception(319), true, engine.ErrOutcomeUnknown, "whether the rows of this request are stored is not known", 5 * time.Second},
		{exception(285), false, engine.ErrUnavailable, "too few of its replicas", 5 * time.Second},
		{exception(285), true, engine.ErrOutcomeUnknown, "too few of its replicas are there for a quorum; whether", 5 * time.Second},
		{exception(244), true, engine.ErrOutcomeUnknown, "are not of one mind yet; whether", 5 * time.Second},
		{exception(416), false, engine.ErrUnavailable, "changes its state", 5 * time.Second},
		{exception(1000), false, engine.ErrUnavailable, "its network failed", 5 * time.Second},
		{exception(394), false, engine.ErrUnavailable, "somebody has stopped the statement", 5 * time.Second},
		{exception(394), true, engine.ErrOutcomeUnknown, "somebody has stopped the statement; whether", 5 * time.Second},
		{exception(201), false, engine.ErrFull, "shard 2 of the cluster: the quota of the user of this server is used up", 30 * time.Second},
		{exception(158), false, engine.ErrFull, "shard 2 of the cluster: a bound that it sets", 30 * time.Second},
		{exception(160), false, engine.ErrFull, "a bound that it sets", 30 * time.Second},
		{exception(191), false, engine.ErrFull, "a bound that it sets", 30 * time.Second},
		{exception(307), false, engine.ErrFull, "a bound that it sets", 30 * time.Second},
		{exception(396), false, engine.ErrFull, "a bound that it sets", 30 * time.Second},
		{exception(173), false, engine.ErrFull, "it is short of threads or memory", 2 * time.Second},
		{exception(439), false, engine.ErrFull, "it is short of threads or memory", 2 * time.Second},
		{exception(33), false, engine.ErrUnavailable, "its disk failed", 30 * time.Second},
		{exception(74), false, engine.ErrUnavailable, "its disk failed", 30 * time.Second},
		{exception(75), true, engine.ErrOutcomeUnknown, "its disk failed; whether", 30 * time.Second},
		{exception(76), false, engine.ErrUnavailable, "its disk failed", 30 * time.Second},
		{exception(87), false, engine.ErrUnavailable, "its disk failed", 30 * time.Second},
		{exception(198), false, engine.ErrUnavailable, "it does not find a server by its name", 5 * time.Second},
		{exception(415), false, engine.ErrUnavailable, "it has lost its replicas", 30 * time.Second},
		{exception(667), false, engine.ErrUnavailable, "its tables are not loaded yet", 5 * time.Second},
		{exception(745), false, engine.ErrFull, "it is overloaded", 5 * time.Second},
		{exception(341), false, engine.ErrUnavailable, "some of its replicas are away", 5 * time.Second},
		{exception(1), true, engine.ErrOutcomeUnknown, "it failed; whether", 5 * time.Second},
		{errors.New("connection reset"), true, engine.ErrOutcomeUnknown, "it cannot be reached; whether", 5 * time.Second},
		{errors.New("connection refused"), false, engine.ErrUnavailable, "shard 2 of the cluster: it cannot be reached", 5 * time.Second},
	} {
		err := wrap(c.err, "store a block", of, c.unknown)
		require.ErrorIs(t, err, c.class, "%v", c.err)
		require.ErrorIs(t, err, c.err)
		away, ok := errors.AsType[*engine.AwayError](err)
		require.True(t, ok)
		require.Contains(t, away.Text, c.text)
		require.NotContains(t, away.Text, "h:1", "clients are not told addresses")
		require.ErrorContains(t, err, "h:1")
		require.Equal(t, c.retried, away.RetryAfter)
		require.Same(t, err, wrap(err, "again", nil, false))
	}
	require.ErrorIs(t, wrap(exception(60), "x", nil, false), ErrSchema)
	require.ErrorIs(t, wrap(exception(516), "x", nil, false), ErrAccess)
	require.ErrorIs(t, wrap(context.Canceled, "x", nil, true), context.Canceled)
	require.NoError(t, wrap(nil, "x", nil, true))
}

func TestOldVersions(t *testing.T) {
	require.ErrorIs(t, checkVersion("h:1", 24, 7, "24.7.9"), ErrVersion)
	require.ErrorContains(t, checkVersion("h:1", 18, 16, "18.16.1"), "h:1 is ClickHouse 18.16.1; 24.8 is the oldest")
	require.NoError(t, checkVersion("h:1", 24, 8, "24.8.1"))
	require.NoError(t, checkVersion("h:1", 25, 1, "25.1.1"))
}
