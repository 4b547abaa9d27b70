package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/patience"
)

var _ httpapi.RowStore = (*fakeStore)(nil)

// EachRows answers with predictionBatch, twice.
func (f *fakeStore) EachRows(_ context.Context, q engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error) {
	err := f.reported(q)
	if err != nil || q.Model == "absent" {
		return engine.Read{}, err
	}
	b := predictionBatch()
	for range 2 {
		if !yield(b) {
			break
		}
	}
	return reportRead, nil
}

// predictionBatch are rows of two series, with and without actuals, with all that formats have to write with care.
func predictionBatch() *engine.RowBatch {
	b := &engine.RowBatch{
		Series:   []event.Series{priceSeries, {Model: "quote\" back\\ é", Version: "v2,\"x\"", Environment: "=staging"}},
		SeriesOf: []uint32{0, 1, 1},
	}
	at := time.Date(2025, 4, 26, 17, 55, 44, 7e6, time.UTC).UnixMilli()
	b.AppendRow(at, 42.5, 42, true, []byte("p-1"), []byte(`{"rooms": 3}`))
	b.AppendRow(at+999, -1e-7, 0, false, []byte("p\"2'"), []byte(`{"text":"a\nb, \"c\"","ü":[1,2]}`))
	b.AppendRow(0, 1e308, -1e308, true, []byte("-3"), nil)
	return b
}

// TestRowsQueries looks at what reaches the store.
func TestRowsQueries(t *testing.T) {
	all := engine.NumbersAlone | engine.IDColumn | engine.FeaturesColumn
	plain := engine.RowsQuery{
		Model: "default_model", Version: "latest", Environment: "production", Window: 24 * time.Hour,
		Columns: all, Order: engine.TimeDescending, Limit: 100,
	}
	with := func(change func(q *engine.RowsQuery)) engine.RowsQuery {
		q := plain
		change(&q)
		return q
	}
	features := func(conditions ...engine.FeatureCondition) engine.RowsQuery {
		return with(func(q *engine.RowsQuery) { q.Features = conditions })
	}
	for query, want := range map[string]engine.RowsQuery{
		"": plain,
		"model_id=*&model_version=v1&environment=a,b&time_window=48&as_of=2025-04-26+00:00:00": with(func(q *engine.RowsQuery) {
			q.Model, q.Version, q.Environment, q.Window, q.AsOf = "*", "v1", "a,b", 48*time.Hour, time.Date(2025, 4, 26, 0, 0, 0, 0, time.UTC)
		}),
		"from=2025-04-26T00:00:00.001Z&to=2025-04-27+00:00:00": with(func(q *engine.RowsQuery) {
			q.From, q.To = time.Date(2025, 4, 26, 0, 0, 0, 1e6, time.UTC), time.Date(2025, 4, 27, 0, 0, 0, 0, time.UTC)
		}),
		"limit=0":                         with(func(q *engine.RowsQuery) { q.Limit, q.Order = 0, engine.Unordered }),
		"limit=0&order=timestamp":         with(func(q *engine.RowsQuery) { q.Limit, q.Order = 0, engine.TimeAscending }),
		"limit=7&order=abs_error":         with(func(q *engine.RowsQuery) { q.Limit, q.Order = 7, engine.WorstFirst }),
		"order=-timestamp":                plain,
		"order=":                          with(func(q *engine.RowsQuery) { q.Order = engine.Unordered }),
		"actuals=known":                   with(func(q *engine.RowsQuery) { q.Actuals = engine.WithActual }),
		"actuals=waiting":                 with(func(q *engine.RowsQuery) { q.Actuals = engine.Waiting }),
		"actuals=any":                     plain,
		"prediction_id=p%261":             with(func(q *engine.RowsQuery) { q.ID = "p&1" }),
		"columns=timestamp,residual":      with(func(q *engine.RowsQuery) { q.Columns = engine.NumbersAlone }),
		"columns=features":                with(func(q *engine.RowsQuery) { q.Columns = engine.NumbersAlone | engine.FeaturesColumn }),
		"columns=prediction_id,+model_id": with(func(q *engine.RowsQuery) { q.Columns = engine.NumbersAlone | engine.IDColumn }),

		"feature.country=DE":       features(engine.FeatureCondition{Key: "country", Op: engine.Equal, Value: "DE"}),
		"feature.country%3DDE":     features(engine.FeatureCondition{Key: "country", Op: engine.Equal, Value: "DE"}),
		"feature.country=":         features(engine.FeatureCondition{Key: "country", Op: engine.Equal}),
		"feature.country!=DE":      features(engine.FeatureCondition{Key: "country", Op: engine.NotEqual, Value: "DE"}),
		"feature.country!=":        features(engine.FeatureCondition{Key: "country", Op: engine.NotEqual}),
		"feature.country%21%3DDE":  features(engine.FeatureCondition{Key: "country", Op: engine.NotEqual, Value: "DE"}),
		"feature.country%21%3D=DE": features(engine.FeatureCondition{Key: "country", Op: engine.NotEqual, Value: "DE"}),
		"feature.amount>=100":      features(engine.FeatureCondition{Key: "amount", Op: engine.GreaterOrEqual, Value: "100"}),
		"feature.amount%3E=100":    features(engine.FeatureCondition{Key: "amount", Op: engine.GreaterOrEqual, Value: "100"}),
		"feature.amount%3E%3D100":  features(engine.FeatureCondition{Key: "amount", Op: engine.GreaterOrEqual, Value: "100"}),
		"feature.amount%3E%3D=100": features(engine.FeatureCondition{Key: "amount", Op: engine.GreaterOrEqual, Value: "100"}),
		"feature.amount>100":       features(engine.FeatureCondition{Key: "amount", Op: engine.Greater, Value: "100"}),
		"feature.amount%3E100":     features(engine.FeatureCondition{Key: "amount", Op: engine.Greater, Value: "100"}),
		"feature.amount%3E100=":    features(engine.FeatureCondition{Key: "amount", Op: engine.Greater, Value: "100"}),
		"feature.amount<-1e3":      features(engine.FeatureCondition{Key: "amount", Op: engine.Less, Value: "-1e3"}),
		"feature.amount<=-1e3":     features(engine.FeatureCondition{Key: "amount", Op: engine.LessOrEqual, Value: "-1e3"}),
		"feature.text>a=b":         features(engine.FeatureCondition{Key: "text", Op: engine.Greater, Value: "a=b"}),
		"feature.text=a>b=c":       features(engine.FeatureCondition{Key: "text", Op: engine.Equal, Value: "a>b=c"}),
		"feature.a.b c!d=x":        features(engine.FeatureCondition{Key: "a.b c!d", Op: engine.Equal, Value: "x"}),
		"feature.a>1&feature.a<=2&feature.c!=x&feature.c!=y": features(
			engine.FeatureCondition{Key: "a", Op: engine.Greater, Value: "1"}, engine.FeatureCondition{Key: "a", Op: engine.LessOrEqual, Value: "2"},
			engine.FeatureCondition{Key: "c", Op: engine.NotEqual, Value: "x"}, engine.FeatureCondition{Key: "c", Op: engine.NotEqual, Value: "y"},
		),
	} {
		t.Run(query, func(t *testing.T) {
			server := start(t, httpapi.Options{})
			raw := strings.ReplaceAll(query, " ", "%20")
			answer := exchange(t, server.addr, get("/v0/pipes/predictions.csv?"+raw))
			require.Contains(t, answer, "200 OK")
			require.NotContains(t, answer, "X-Ignored-Parameters")
			resp, body := server.do(t, "POST", "/v0/pipes/predictions.csv", strings.NewReader(raw), "Content-Type", "application/x-www-form-urlencoded")
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			require.Equal(t, []any{want, want}, server.store.reports)
		})
	}
}

// TestRowsRefused sends what is wrong, and finds in the error its name, its value and what it should be.
func TestRowsRefused(t *testing.T) {
	server := start(t, httpapi.Options{})
	for query, parts := range map[string][]string{
		"limit=-1":                         {"limit", "-1", "0"},
		"limit=abc":                        {"limit", "'abc'", "Int32"},
		"order=worst":                      {"order", "'worst'", "timestamp, -timestamp, abs_error or sample"},
		"actuals=yes":                      {"actuals", "'yes'", "any, known or waiting"},
		"columns=timestamp,error":          {"columns", "'timestamp,error'", "absolute_error"},
		"columns=timestamp,timestamp":      {"columns", "'timestamp,timestamp'", "each once"},
		"columns=,":                        {"columns", "','"},
		"feature.=1":                       {"feature.<key>", "'feature.=1'", ">="},
		"feature.a":                        {"feature.<key>", "'feature.a'"},
		"feature.a==1":                     {"feature.<key>", "'feature.a==1'", "no == or <>"},
		"feature.a%3D%3D1":                 {"feature.<key>", "no == or <>"},
		"feature.a<>1":                     {"feature.<key>", "'feature.a<>1'", "no == or <>"},
		"feature.a=<1":                     {"feature.<key>", "no == or <>"},
		"feature.a=>1":                     {"feature.<key>", "no == or <>"},
		"feature.a>==1":                    {"feature.<key>", "no == or <>"},
		"feature.a!==1":                    {"feature.<key>", "no == or <>"},
		"feature.a>":                       {"feature.<key>", "'feature.a>'"},
		"feature.a>=":                      {"feature.<key>", "'feature.a>='"},
		"feature.a%3E%3D":                  {"feature.<key>", "'feature.a>='"},
		"feature.>1":                       {"feature.<key>", "'feature.>1'"},
		"feature.!=1":                      {"feature.<key>", "'feature.!=1'"},
		strings.Repeat("feature.a=1&", 33): {"feature.<key>", "33", "32"},
		"prediction_id=a&prediction_id=b":  {"prediction_id", "more than once"},
		"order=timestamp&order=timestamp":  {"order", "more than once"},
		"from=yesterday":                   {"from", "'yesterday'", "DateTime"},
	} {
		resp, body := server.do(t, "GET", "/v0/pipes/predictions.json?"+query, nil)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, query)
		for _, part := range parts {
			require.Contains(t, errorText(t, body), part, query)
		}
	}
	require.Empty(t, server.store.reports)
	for _, query := range []string{"model_id=", "environment=", "prediction_id="} {
		resp, body := server.do(t, "GET", "/v0/pipes/predictions.csv?"+query, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, body, "nothing has an empty name")
	}
	require.Empty(t, server.store.reports)
}

// TestConditionsElsewhere are named as ignored by pipes that do not know them, and by this one when they are misspelt.
func TestConditionsElsewhere(t *testing.T) {
	server := start(t, httpapi.Options{})
	for target, want := range map[string]string{
		"/v0/pipes/model_performance_report.csv?feature.country=DE": "feature.country",
		"/v0/pipes/predictions.csv?features.country=DE":             "features.country",
		"/v0/pipes/predictions.csv?feature_country=DE&Limit=3":      "feature_country, Limit",
		"/v0/pipes/predictions.csv?feature.limit=DE":                "",
	} {
		resp, _ := server.do(t, "GET", target, nil)
		require.Equal(t, want, resp.Header.Get("X-Ignored-Parameters"), target)
	}
	resp, body := server.do(t, "POST", "/v0/pipes/predictions.csv", strings.NewReader(`{"feature.amount>=": 100, "feature.vip": true, "limit": 3}`))
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	q := server.store.reports[len(server.store.reports)-1].(engine.RowsQuery)
	require.ElementsMatch(t, []engine.FeatureCondition{
		{Key: "amount", Op: engine.GreaterOrEqual, Value: "100"}, {Key: "vip", Op: engine.Equal, Value: "true"},
	}, q.Features)
}

// endlessRows hands on rows as long as somebody takes them, and says when nobody does any more.
type endlessRows struct {
	*fakeStore

	ended chan struct{}
}

// awaitEnd waits until nobody takes rows any more.
func (s endlessRows) awaitEnd() { <-s.ended }

func (s endlessRows) EachRows(ctx context.Context, _ engine.RowsQuery, yield func(b *engine.RowBatch) bool) (engine.Read, error) {
	b := predictionBatch()
	for range 1000 {
		b.AppendFrom(&predictionBatch().Columns, 0, 1)
		b.SeriesOf = append(b.SeriesOf, 0)
	}
	for ctx.Err() == nil && yield(b) {
	}
	s.ended <- struct{}{}
	return engine.Read{}, ctx.Err()
}

const rowsTarget = "/v0/pipes/predictions.%s?limit=0"

// TestRowsClientLeaves closes the connection in the middle of an answer, or does not read on: the query ends, and what it held is
// free.
func TestRowsClientLeaves(t *testing.T) {
	for _, extension := range []string{"json", "ndjson", "csv", "parquet"} {
		store := endlessRows{newFakeStore(), make(chan struct{}, 1)}
		target := fmt.Sprintf(rowsTarget, extension)
		server := startWith(t, store, httpapi.Options{})
		resp, err := http.Get(server.url(target))
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, resp.Body, 1<<20)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		store.awaitEnd()
		server.awaitRoom(t)
		server.awaitCut(t)
		patience.Try(t, 100*time.Millisecond, func(limit time.Duration) (enough bool) {
			server := startWith(t, store, httpapi.Options{Limits: httpapi.Limits{WriteTimeout: limit}})
			conn := dial(t, server.addr)
			_, err := io.WriteString(conn, get(target))
			require.NoError(t, err)
			store.awaitEnd()
			server.awaitRoom(t)
			server.awaitCut(t)
			_, err = io.ReadFull(conn, make([]byte, 64<<10))
			return err == nil
		})
	}
}

// TestRowsAreNotLate reads an answer for many times as long as one of another pipe may take: it goes on as long as it is read.
func TestRowsAreNotLate(t *testing.T) {
	patience.Try(t, 20*time.Millisecond, func(limit time.Duration) (enough bool) {
		store := endlessRows{newFakeStore(), make(chan struct{}, 1)}
		server := startWith(t, store, httpapi.Options{Limits: httpapi.Limits{AnswerTimeout: time.Millisecond, QueryTimeout: limit}})
		resp, err := http.Get(server.url(fmt.Sprintf(rowsTarget, "ndjson")))
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode == http.StatusServiceUnavailable {
			return false
		}
		require.Equal(t, http.StatusOK, resp.StatusCode)
		for began := time.Now(); time.Since(began) < 10*limit; {
			_, err = io.CopyN(io.Discard, resp.Body, 1<<20)
			require.NoError(t, err)
		}
		require.NoError(t, resp.Body.Close())
		store.awaitEnd()
		return true
	})
}

// TestRowsThatTakeTooLong has a store that finds no row in the time of a query.
func TestRowsThatTakeTooLong(t *testing.T) {
	server := startWith(t, slowRows{newFakeStore()}, httpapi.Options{Limits: httpapi.Limits{QueryTimeout: 20 * time.Millisecond}})
	resp, body := server.do(t, "GET", fmt.Sprintf(rowsTarget, "ndjson"), nil)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, body)
	server.awaitRoom(t)
}

// slowRows looks for rows until its time is over.
type slowRows struct{ *fakeStore }

func (slowRows) EachRows(ctx context.Context, _ engine.RowsQuery, _ func(b *engine.RowBatch) bool) (engine.Read, error) {
	<-ctx.Done()
	return engine.Read{}, ctx.Err()
}
