package project_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project"
)

// pipeFile is a pipe of one node.
func pipeFile(sql string) string {
	return "NODE n\nSQL >\n    " + strings.ReplaceAll(sql, "\n", "\n    ") + "\n\nTYPE endpoint\n"
}

// loadPipes reads pipes, which must be as they should.
func loadPipes(t testing.TB, files map[string]string) *project.Pipes {
	t.Helper()
	var list []project.File
	for name, text := range files {
		list = append(list, project.File{Name: name + ".pipe", Text: text})
	}
	of, err := project.NewFiles(list)
	require.NoError(t, err)
	p, problems := project.Read(of, nil)
	require.Empty(t, problems, problems.String())
	return p.Pipes
}

// run asks a pipe for its answer, as texts of its rows.
func run(t testing.TB, pipes *project.Pipes, db *engine.DB, ask endpoint.Ask, params ...string) (string, error) {
	t.Helper()
	ask.Store, ask.Now = db, genNow
	ask.Param = func(name string) (string, bool) {
		i := slices.Index(params, name)
		if i < 0 || i%2 == 1 {
			return "", false
		}
		return params[i+1], true
	}
	answer, err := pipes.Run(context.Background(), &ask)
	if err != nil {
		return "", err
	}
	var rows []string
	for _, row := range cellsOf(answer) {
		rows = append(rows, strings.Trim(fmt.Sprint(row), "[]"))
	}
	return strings.Join(rows, "; "), nil
}

// tinyRows are few enough to be added up by hand: errors 2, -4 and 1, and a row that waits.
var tinyRows = []genRow{
	{ts: genNow.Add(-time.Hour).UnixMilli(), model: "a", version: "v1", environment: "production", predicted: 5, actual: 3, known: true},
	{ts: genNow.Add(-2 * time.Hour).UnixMilli(), model: "a", version: "v2", environment: "production", predicted: 1, actual: 5, known: true},
	{ts: genNow.Add(-30 * time.Hour).UnixMilli(), model: "b", version: "v1", environment: "staging", predicted: 2, actual: 1, known: true},
	{ts: genNow.Add(-3 * time.Hour).UnixMilli(), model: "b", version: "v1", environment: "staging", predicted: 9},
}

func TestAnswers(t *testing.T) {
	db := openStore(t, ndjson(tinyRows))
	pipes := new(project.Pipes)
	for sql, want := range map[string]string{
		"SELECT count() FROM ml_model_predictions": "3",
		"SELECT quantileExact(0.5)(x), median(x) FROM (SELECT model_version, if(model_version = 'v1', 0 / 0, 7.0) AS x FROM predictions GROUP BY model_version UNION ALL SELECT 'z', 0 / 0)": "7 7",
		"SELECT count(), count(actual_value), countIf(actual_value IS NOT NULL) FROM predictions":                                                                                            "4 3 3",
		"SELECT count() FROM predictions WHERE actual_value IS NOT NULL":                                                                                                                     "3",
		"SELECT avg(predicted_value - actual_value), avg(actual_value) FROM predictions WHERE model_id = 'none'":                                                                             "<nil> <nil>",
		"SELECT sum(predicted_value), max(abs(predicted_value - actual_value)) FROM ml_model_predictions":                                                                                    "8 4",
		"SELECT model_id, count() FROM predictions GROUP BY model_id ORDER BY 2 DESC, 1":                                                                                                     "a 2; b 2",
		"SELECT DISTINCT environment FROM predictions ORDER BY environment":                                                                                                                  "production; staging",
		"SELECT model_version FROM ml_model_predictions WHERE model_version = 'latest' GROUP BY model_version":                                                                               "v1",
		"SELECT prediction_id, predicted_value FROM predictions ORDER BY timestamp DESC LIMIT 2":                                                                                             "p0 5; p1 1",
		"SELECT prediction_id FROM ml_model_predictions ORDER BY abs(predicted_value - actual_value) DESC LIMIT 2":                                                                           "p1; p0",
		"SELECT prediction_id FROM predictions WHERE predicted_value > 4 AND model_id = 'b' LIMIT 5":                                                                                         "p3",
		"SELECT avg(x) FROM (SELECT abs(predicted_value - actual_value) AS x FROM ml_model_predictions WHERE timestamp >= now() - INTERVAL 1 DAY)":                                           "3",
		"SELECT avg(abs(predicted_value - actual_value) / nullIf(abs(actual_value), 0)) AS mape FROM ml_model_predictions WHERE model_id = 'b'":                                              "1",
		"SELECT quantiles(0.5, 1)(abs(predicted_value - actual_value))[2] FROM ml_model_predictions":                                                                                         "4",
		"SELECT count() FROM predictions WHERE model_id IN []":                                                                                                                               "0",
		"SELECT count() FROM predictions WHERE model_id NOT IN []":                                                                                                                           "4",
		"SELECT countIf(model_id IN []) AS n, count() FROM ml_model_predictions":                                                                                                             "0 3",
		"WITH 2 AS two SELECT two * count() AS n, n + 1 FROM predictions":                                                                                                                    "8 9",
	} {
		got, err := run(t, pipes, db, endpoint.Ask{SQL: sql})
		require.NoError(t, err, sql)
		require.Equal(t, want, got, sql)
	}
}

// TestRefusals holds what is refused to its place, to what it says, and to that it says where to go.
func TestRefusals(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT median(predicted_value) FROM ml_model_predictions":                       "line 1, column 8: quantiles of abs(predicted_value - actual_value) alone are kept: docs/sql.md",
		"SELECT avg(length(features)) FROM ml_model_predictions":                         "column 12: sums know nothing of this expression: sums are kept of",
		"SELECT min(predicted_value) FROM ml_model_predictions":                          "no min of this is kept",
		"SELECT prediction_id, count() FROM predictions GROUP BY prediction_id":          `sums know the "prediction_id" of no row`,
		"SELECT count() FROM predictions GROUP BY timestamp":                             "sums know the time of no row by itself: group by toStartOfHour(timestamp)",
		"SELECT countIf(actual_value IS NULL) FROM predictions":                          "rows without an actual are count() - count(actual_value)",
		"SELECT count() FROM predictions GROUP BY toStartOfWeek(timestamp)":              "toStartOfWeek(timestamp, 1)",
		"SELECT count() FROM predictions WHERE predicted_value > 3":                      `sums know the "predicted_value" of no row`,
		"SELECT count() FROM predictions WHERE timestamp > model_id":                     "timestamp compares with constants alone",
		"SELECT count() FROM predictions GROUP BY toSecond(timestamp)":                   "sums know no parts of a minute",
		"SELECT model_id FROM predictions":                                               "needs a LIMIT",
		"SELECT model_id, count() FROM predictions":                                      "neither in GROUP BY nor in an aggregate: add it to GROUP BY",
		"SELECT cuont() FROM predictions":                                                `the function "cuont" is not understood: did you mean count?`,
		"SELECT count() FROM preditcions":                                                "did you mean predictions?",
		"SELECT mdel_id FROM predictions LIMIT 1":                                        "did you mean model_id?",
		"SELECT count() AS n FROM predictions WHERE n > 3":                               "WHERE has the aggregate",
		"SELECT 1 AS a, 2 AS a":                                                          "two columns",
		"INSERT INTO predictions VALUES (1)":                                             "INSERT is refused: SQL only reads here",
		"SELECT 1; DROP TABLE predictions":                                               "there is a second statement",
		"SELECT count() FROM predictions FINAL":                                          "FINAL is not understood",
		"SELECT row_number() OVER (ORDER BY 1)":                                          "window functions are not understood",
		"SELECT a.model_id FROM predictions AS a JOIN predictions AS b USING (model_id)": "a table of single rows is not joined",
		"SELECT intDiv(1, 0)":                                                            "intDiv divides by zero",
		"SELECT toStartOfDay(now(), 'Europe/Berlin')":                                    "knows UTC alone",
		"SELECT 'a": "the quote ' is not closed",
		"SELECT (1": "the statement ends where ) should be",
		"SELECT quantile(0.123)(abs(predicted_value - actual_value)) FROM predictions": "is between two",
	} {
		_, err := run(t, new(project.Pipes), nil, endpoint.Ask{SQL: sql})
		require.ErrorIs(t, err, endpoint.ErrAsk, sql)
		require.Contains(t, err.Error(), want, sql)
	}
}

func TestPipes(t *testing.T) {
	db := openStore(t, ndjson(tinyRows))
	pipes := loadPipes(t, map[string]string{
		"endpoints/by_model": "DESCRIPTION >\n    Errors\n\nTOKEN reader READ\n\nNODE rows\nSQL >\n    %\n    SELECT model_id, predicted_value - actual_value AS e\n    FROM ml_model_predictions\n" +
			"    WHERE timestamp >= now() - INTERVAL {{Int32(hours, 24, description='how far back')}} HOUR\n    {% if defined(model) %} AND model_id IN {{Array(model, 'String')}} {% end %}\n\n" +
			"NODE answer\nSQL >\n    SELECT model_id, count() AS n, avg(abs(e)) AS mae FROM rows GROUP BY model_id ORDER BY model_id\n\nTYPE endpoint\n",
		"pipes/shared":      "NODE s\nSQL >\n    SELECT model_id, mae * 2 AS twice FROM by_model\n",
		"endpoints/twice":   pipeFile("SELECT sum(twice) AS n FROM shared"),
		"endpoints/choices": pipeFile("%\n{% set unit = String(unit, 'model_id', enum=['model_id', 'environment']) %}SELECT {{column(unit)}} AS k, count() AS n FROM predictions GROUP BY k ORDER BY k"),
		"endpoints/quoted":  pipeFile("SELECT '{{String(x, 'a')}}' AS whole, '%{{String(x, 'a')}}%' AS part, interval '{{Int(n, 2)}}' hour + toDateTime('2026-01-01 00:00:00') AS t"),
	})
	ask := func(name string, params ...string) string {
		got, err := run(t, pipes, db, endpoint.Ask{Endpoint: name}, params...)
		if err != nil {
			return err.Error()
		}
		return got
	}
	require.Equal(t, "a 2 3", ask("by_model"))
	require.Equal(t, "a 2 3; b 1 1", ask("by_model", "hours", "48"))
	require.Equal(t, "b 1 1", ask("by_model", "hours", "48", "model", "b,c"))
	require.Equal(t, "8", ask("twice", "hours", "48"))
	require.Equal(t, "production 2; staging 2", ask("choices", "unit", "environment"))
	require.Contains(t, ask("choices", "unit", "x"), "Error validating 'x' to type String")
	require.Contains(t, ask("by_model", "hours", "abc"), "Error validating 'abc' to type Int32")
	require.Equal(t, `it's \ %it's \% 2026-01-01 05:00:00`, ask("quoted", "x", `it's \`, "n", "5"))
	require.Contains(t, ask("shared"), "there is no endpoint", "without a TYPE it is read by others alone")

	got, err := run(t, pipes, db, endpoint.Ask{Endpoint: "by_model", SQL: "SELECT max(mae) FROM _"}, "hours", "48")
	require.NoError(t, err)
	require.Equal(t, "3", got)
	got, err = run(t, pipes, db, endpoint.Ask{Endpoint: "by_model", Page: 1, PageSize: 1}, "hours", "48")
	require.NoError(t, err)
	require.Equal(t, "b 1 1", got)
	_, err = run(t, pipes, db, endpoint.Ask{SQL: "SELECT * FROM twice", Sees: func(name string) bool { return name != "twice" }})
	require.ErrorIs(t, err, endpoint.ErrForbidden)
	require.ErrorContains(t, err, "the statement reads twice")
	_, err = run(t, pipes, db, endpoint.Ask{Endpoint: "none"})
	require.ErrorIs(t, err, endpoint.ErrUnknown)

	all := pipes.Endpoints()
	require.Len(t, all, 4)
	require.Equal(t, "by_model", all[0].Name)
	require.Equal(t, "Errors", all[0].Description)
	require.Equal(t, []string{"reader"}, all[0].Tokens)
	require.Equal(t, []endpoint.Param{{Name: "hours", Type: "Int32", Default: "24", HasDefault: true, Description: "how far back"}, {Name: "model", Type: "Array", Required: true}}, all[0].Params)
	require.Equal(t, "twice", all[3].Name)
	require.Equal(t, "hours", all[3].Params[0].Name, "parameters of what a pipe reads are its own")
}

// TestPipeProblems holds what is wrong with a pipe to its place in the file.
func TestPipeProblems(t *testing.T) {
	for text, want := range map[string]string{
		pipeFile("SELECT foo(1)"):                                                  "p.pipe:3:12: error: the function \"foo\" is not understood",
		pipeFile("%\nSELECT {{Int32(a, 1)}} AS x,\n  bar(2)"):                      "p.pipe:5:7: error: the function \"bar\" is not understood",
		pipeFile("SELECT 1 FROM nothing"):                                          "p.pipe:3:19: error: there is no table \"nothing\"",
		pipeFile("SELECT {{Int32(a, 'x')}}"):                                       "p.pipe:3:14: error: the default \"x\" is no Int32",
		pipeFile("SELECT {{Foo(a)}}"):                                              "p.pipe:3:14: error: the function \"Foo\" of templates is not understood",
		pipeFile("{% if defined(a) %} SELECT 1"):                                   "the if is not ended",
		pipeFile("SELECT 1 {% end %}"):                                             "ends nothing",
		pipeFile("SELECT 1{% if defined(a) %} + foo(2) {% end %}"):                 "p.pipe:3:35: error: the function \"foo\"",
		"NODE a\nSQL >\n    SELECT 1\nNODE a\nSQL >\n    SELECT 2\n":               "two nodes",
		"NODE a\nSQL >\n    SELECT * FROM b\nNODE b\nSQL >\n    SELECT * FROM a\n": "reads itself",
		"NODE a\n": "the node \"a\" has no SQL",
		"":         "the file has no node",
		"NODE a\nSQL >\n    SELECT 1\nTYPE materialized\nDATASOURCE x\n": "a pipe of TYPE \"materialized\" is not understood",
		"TYPE endpoint\nNODE a\nSQL >\n    SELECT 1\n":                   "the TYPE is of no node",
	} {
		files, err := project.NewFiles([]project.File{{Name: "p.pipe", Text: text}})
		require.NoError(t, err)
		_, problems := project.Read(files, nil)
		require.NotZero(t, problems.Errors(), text)
		require.Contains(t, problems.String(), want, text)
	}
	files, err := project.NewFiles([]project.File{{Name: "p.pipe", Text: pipeFile("SELECT 1,\n  foo(1)")}})
	require.NoError(t, err)
	_, problems := project.Read(files, nil)
	shown, _, _ := strings.Cut(problems.String(), "docs/sql.md")
	require.Equal(t, "p.pipe:4:7: error: the function \"foo\" is not understood\n     3 |     SELECT 1,\n     4 |       foo(1)\n       |       ^\n     5 | \n  ", shown)
}

// TestWithin takes a bounded question through everything that is asked of a store: it answers as one without the other models.
func TestWithin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	rows := generateRows(g.Rand, 300)
	own := slices.DeleteFunc(slices.Clone(rows), func(r genRow) bool { return r.model != "m1" && r.model != "m3" })
	all, alone := openStore(t, ndjson(rows)), openStore(t, ndjson(own))
	pipes, answered := new(project.Pipes), 0
	for range 150 {
		sql := g.statement()
		if g.IntN(5) == 0 {
			sql = "SELECT timestamp, model_id, model_version, environment, predicted_value FROM predictions WHERE " + g.condition(1).sql + " LIMIT 20"
		}
		want, wantErr := run(t, pipes, alone, endpoint.Ask{SQL: sql})
		got, gotErr := run(t, pipes, all, endpoint.Ask{SQL: sql, Within: "m1,m3"})
		require.Equal(t, wantErr == nil, gotErr == nil, sql)
		require.Equal(t, want, got, sql)
		answered++
	}
	require.Greater(t, answered, 100)
}

// asksOnce is a store that is not asked while it hands on what it has.
type asksOnce struct {
	*engine.DB

	busy bool
}

func (s *asksOnce) EachSums(ctx context.Context, q engine.SumsQuery, yield func(row *engine.SumsRow) bool) (engine.Read, error) {
	if s.busy {
		return engine.Read{}, errors.New("the store is asked while it answers")
	}
	s.busy = true
	defer func() { s.busy = false }()
	return s.DB.EachSums(ctx, q, yield)
}

// TestStoreIsNotAskedWhileItAnswers has statements in conditions, keys and aggregates of others.
func TestStoreIsNotAskedWhileItAnswers(t *testing.T) {
	db := openStore(t, ndjson(tinyRows))
	for sql, want := range map[string]string{
		"SELECT model_id, count() FROM predictions WHERE model_id IN (SELECT model_id FROM predictions WHERE environment = 'staging' GROUP BY model_id) GROUP BY model_id": "b",
		"SELECT model_id FROM predictions WHERE timestamp >= (SELECT max(timestamp) FROM predictions) GROUP BY model_id":                                                   "a",
		"SELECT countIf(model_id IN (SELECT model_id FROM (SELECT model_id, count() AS n FROM predictions GROUP BY model_id) WHERE n > (SELECT 1))) AS n FROM predictions": "",
	} {
		answer, err := new(project.Pipes).Run(t.Context(), &endpoint.Ask{SQL: sql, Store: &asksOnce{DB: db}, Now: genNow})
		require.NoError(t, err, sql)
		require.Len(t, answer.Rows, 1, sql)
		require.Equal(t, want, answer.Rows[0][0].Text, sql)
	}
	pipes := loadPipes(t, map[string]string{
		"of":  pipeFile("SELECT model_id, count() AS n FROM predictions WHERE model_id IN (SELECT min(model_id) FROM predictions) GROUP BY model_id"),
		"all": pipeFile("SELECT sum(n) AS n FROM of"),
	})
	answer, err := pipes.Run(t.Context(), &endpoint.Ask{Endpoint: "all", Store: &asksOnce{DB: db}, Now: genNow})
	require.NoError(t, err)
	require.EqualValues(t, 2, answer.Rows[0][0].Whole)
}

// TestTooMuch holds the bounds of answers.
func TestTooMuch(t *testing.T) {
	db := openStore(t, ndjson(tinyRows))
	for sql, most := range map[string]int64{
		"SELECT model_id, count() FROM predictions GROUP BY model_id":                                                               1500,
		"SELECT * FROM predictions LIMIT 4":                                                                                         2000,
		"SELECT quantile(0.5)(abs(predicted_value - actual_value)) FROM predictions":                                                10_000,
		"WITH a AS (SELECT model_id FROM predictions GROUP BY model_id) SELECT x.model_id FROM a AS x CROSS JOIN a AS y":            2300,
		"WITH replaceAll('aaaaaaaaaaaaaaaaaaaaaaaa', 'a', 'bbbbbbbbbbbbbbbbbbbbbbbb') AS b, concat(b, b, b, b, b, b) AS c SELECT c": 1000,
	} {
		_, err := run(t, new(project.Pipes), db, endpoint.Ask{SQL: sql, BytesMax: most})
		require.ErrorIs(t, err, endpoint.ErrTooMuch, sql)
		_, err = run(t, new(project.Pipes), db, endpoint.Ask{SQL: sql, BytesMax: 100_000})
		require.NoError(t, err, sql)
	}
	refused, held := errors.New("no room"), int64(0)
	hold := func(bytes int64) error {
		if held += bytes; held > 3<<20 {
			return refused
		}
		return nil
	}
	long := "WITH replaceAll('" + strings.Repeat("a", 900) + "', 'a', '" + strings.Repeat("b", 900) + "') AS b SELECT " + strings.Repeat("b AS c%, ", 9) + "1"
	for i := range 9 {
		long = strings.Replace(long, "%", strconv.Itoa(i), 1)
	}
	_, err := run(t, new(project.Pipes), db, endpoint.Ask{SQL: long, Hold: hold})
	require.ErrorIs(t, err, refused)
	require.Greater(t, held, int64(3<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = new(project.Pipes).Run(ctx, &endpoint.Ask{SQL: "SELECT count() FROM predictions", Store: db, Now: genNow})
	require.ErrorIs(t, err, context.Canceled)
}
