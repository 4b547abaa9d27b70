package httpapi_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/endpoint"
)

// fakeSet is pipes that answer what a store has of each model: its SQL is a pattern of models.
type fakeSet struct{ endpoints []endpoint.Endpoint }

func (s *fakeSet) Endpoints() []endpoint.Endpoint { return s.endpoints }

func (s *fakeSet) Run(ctx context.Context, ask *endpoint.Ask) (*endpoint.Answer, error) {
	models := ask.SQL
	if ask.Endpoint != "" && models == "" {
		models = "*"
	}
	if given, ok := ask.Param("model_id"); ok && ask.Endpoint != "" {
		models = given
	}
	switch models {
	case "refused":
		return nil, fmt.Errorf("%w: line 1, column 1: it is not understood", endpoint.ErrAsk)
	case "long":
		return nil, fmt.Errorf("%w: more than 7 rows", endpoint.ErrTooMuch)
	case "unseen":
		if ask.Sees != nil && !ask.Sees("ml_model_predictions") {
			return nil, fmt.Errorf("%w: the statement reads ml_model_predictions", endpoint.ErrForbidden)
		}
	case "broken":
		return nil, errors.New("our own")
	}
	a := &endpoint.Answer{Columns: []endpoint.Column{
		{Name: "model_id", Type: endpoint.Type{Kind: endpoint.String}},
		{Name: "n", Type: endpoint.Type{Kind: endpoint.UInt, Bits: 32}},
		{Name: "mae", Type: endpoint.Type{Kind: endpoint.Float, Bits: 64, Nullable: true}},
		{Name: "first", Type: endpoint.Type{Kind: endpoint.DateTime}},
		{Name: "less", Type: endpoint.Type{Kind: endpoint.Int, Bits: 64, Nullable: true}},
		{Name: "day", Type: endpoint.Type{Kind: endpoint.Date}},
	}}
	q := engine.SumsQuery{Model: models, Version: "*", Environment: "*", Within: ask.Within, Spans: []engine.TimeSpan{{}}}
	read, err := ask.Store.EachSums(ctx, q, func(r *engine.SumsRow) bool {
		first, _ := r.Sums.Times(false)
		row := []endpoint.Value{
			{Text: r.Model + "/" + r.Version},
			{Whole: int64(r.Sums.Rows())},
			{Number: r.Sums.Mean(engine.AbsError)},
			{Whole: first.UnixMilli()},
			{Whole: -3},
			{Whole: first.UnixMilli()},
		}
		if r.Sums.Actuals() == 0 {
			row[2], row[4] = endpoint.Value{Null: true}, endpoint.Value{Null: true}
		}
		a.Rows = append(a.Rows, row)
		return true
	})
	a.Read = read
	slices.SortFunc(a.Rows, func(x, y []endpoint.Value) int {
		return cmp.Or(cmp.Compare(x[0].Text, y[0].Text), cmp.Compare(x[3].Whole, y[3].Whole), cmp.Compare(x[1].Whole, y[1].Whole))
	})
	if before, rest, ok := strings.Cut(ask.SQL, " FORMAT "); ok {
		a.Format = rest
		_ = before
	}
	if ask.PageSize > 0 {
		a.Limited, a.BeforeLimit = true, len(a.Rows)
		a.Rows = a.Rows[min(len(a.Rows), ask.Page*ask.PageSize):]
		a.Rows = a.Rows[:min(len(a.Rows), ask.PageSize)]
	}
	return a, err
}

// fakeEndpoints are those that the tests serve.
var fakeEndpoints = []endpoint.Endpoint{{
	Name: "of_the_team", Description: "what the team has", Params: []endpoint.Param{{Name: "model_id", Type: "String", Default: "*", HasDefault: true}},
	Columns: []endpoint.Column{{Name: "model_id", Type: endpoint.Type{Kind: endpoint.String}}}, Tokens: []string{"reader"},
}}

// startSet starts a server with pipes over a store with rows of two models.
func startSet(t *testing.T) *running {
	t.Helper()
	db := openStore(t)
	server := startWith(t, db, httpapi.Options{})
	resp, body := server.do(t, "POST", "/v0/events?name=ml_model_predictions&wait=true",
		strings.NewReader(line("a", "v1", "production", "p1", now, "3", "1")+line("b", "v1", "production", "p1", now, "3", "")))
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.NoError(t, server.SetProject(nil, &fakeSet{fakeEndpoints}))
	return server
}

func TestEndpointAnswers(t *testing.T) {
	server := startSet(t)
	for target, want := range map[string]string{
		"/v0/pipes/of_the_team.csv?model_id=a": "\"a/v1\",1,2,\"2025-04-27 12:00:00\",-3,\"2025-04-27\"\n",
		"/v0/pipes/of_the_team.csv?model_id=b": "\"b/v1\",1,\\N,\"2025-04-27 12:00:00\",\\N,\"2025-04-27\"\n",
		"/v0/sql?q=b&format=JSONEachRow":       `{"model_id":"b/v1","n":1,"mae":null,"first":"2025-04-27 12:00:00","less":null,"day":"2025-04-27"}` + "\n",
		"/v0/sql?q=a&format=TSVWithNames":      "model_id\tn\tmae\tfirst\tless\tday\na/v1\t1\t2\t2025-04-27 12:00:00\t-3\t2025-04-27\n",
		"/v0/sql?q=b&format=TSV":               "b/v1\t1\t\\N\t2025-04-27 12:00:00\t\\N\t2025-04-27\n",
	} {
		resp, body := server.do(t, "GET", target, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Equal(t, want, body, target)
	}
	_, body := server.do(t, "GET", "/v0/pipes/of_the_team.json?model_id=a", nil)
	require.Contains(t, body, "\"name\": \"n\",\n\t\t\t\"type\": \"UInt32\"")
	require.Contains(t, body, "\"name\": \"mae\",\n\t\t\t\"type\": \"Nullable(Float64)\"")
	_, body = server.do(t, "GET", "/v0/pipes/of_the_team.json?page=1&page_size=1", nil)
	require.Contains(t, body, "\"rows\": 1")
	require.Contains(t, body, "\"rows_before_limit_at_least\": 2")
	resp, body := server.do(t, "GET", "/v0/pipes/of_the_team.parquet?model_id=b", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, strings.HasPrefix(body, "PAR1"), "a Parquet file with NULLs")
}

func TestEndpointErrors(t *testing.T) {
	server := startSet(t)
	for target, want := range map[string]struct {
		status int
		text   string
	}{
		"/v0/sql?q=refused":                           {400, "line 1, column 1: it is not understood"},
		"/v0/sql?q=long":                              {400, "more than 7 rows"},
		"/v0/sql":                                     {400, "the parameter q is missing"},
		"/v0/sql?q=a&format=X":                        {400, "the format 'X' is not understood"},
		"/v0/sql?q=a&q=b":                             {400, "given more than once"},
		"/v0/pipes/none.json":                         {404, "the pipe 'none' does not exist"},
		"/v0/pipes/of_the_team.json?page=1":           {400, "page needs page_size"},
		"/v0/pipes/of_the_team.json?page_size=x":      {400, "Error validating 'x' to type Int32"},
		"/v0/pipes/of_the_team.json?model_id=a&q=b&q": {400, "given more than once"},
	} {
		resp, body := server.do(t, "GET", target, nil)
		require.Equal(t, want.status, resp.StatusCode, "%s %s", target, body)
		require.Contains(t, errorText(t, body), want.text, target)
	}
	resp, _ := server.do(t, "GET", "/v0/sql?q=broken", nil)
	require.Equal(t, 500, resp.StatusCode)
}

// TestSQLBodies holds the three forms of a statement to the formats that they mean.
func TestSQLBodies(t *testing.T) {
	server := startSet(t)
	for body, begins := range map[string]string{"a": "{", `{"q": "a"}`: "a/v1\t1", "q=a": "{", `{"q": "a", "format": "CSV"}`: `"a/v1"`} {
		resp, answer := server.do(t, "POST", "/v0/sql", strings.NewReader(body))
		require.Equal(t, http.StatusOK, resp.StatusCode, answer)
		require.True(t, strings.HasPrefix(answer, begins), "%s: %s", body, answer)
	}
}

// TestSetProject holds what a project may have, and that it counts as a whole or not at all.
func TestSetProject(t *testing.T) {
	server := startSet(t)
	for name, ok := range map[string]bool{"model_performance_metrics": true, "model_drift_detection": true, "models": false, "predictions": false, "openapi": false, "a b": false, "ml_model_predictions_quarantine": false} {
		err := server.SetProject([]httpapi.Datasource{scores()}, &fakeSet{[]endpoint.Endpoint{{Name: name}}})
		if ok {
			require.NoError(t, err)
			_, body := server.do(t, "GET", "/v0/pipes/"+name+".csv?q=a", nil)
			require.True(t, strings.HasPrefix(body, `"a/v1",1`), body)
			resp, body := server.do(t, "GET", "/v0/pipes/"+name+".csv?q=a&as_of=2025-04-27T12:00:00Z", nil)
			require.Equal(t, http.StatusBadRequest, resp.StatusCode)
			require.Contains(t, errorText(t, body), "the parameter as_of is refused")
		} else {
			require.ErrorIs(t, err, httpapi.ErrPipe)
		}
		require.NoError(t, server.SetProject(nil, &fakeSet{fakeEndpoints}))
	}
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{scores()}))
	_, body := server.do(t, "GET", "/v0/pipes", nil)
	require.Contains(t, body, "of_the_team", "data sources alone leave pipes as they are")
	require.NoError(t, server.SetProject(nil, nil))
	resp, _ := server.do(t, "GET", "/v0/sql?q=a", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestOpenAPIOfEndpoints(t *testing.T) {
	server := startSet(t)
	_, body := server.do(t, "GET", "/v0/pipes/openapi.json", nil)
	document, err := openapi3.NewLoader().LoadFromData([]byte(body))
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	require.NotNil(t, document.Paths.Value("/v0/sql").Post)
	require.NotNil(t, document.Paths.Value("/v0/pipes/of_the_team.csv").Get)
}

// sqlAttack asks for models of others in every way that the set has.
func sqlAttack(a *attack, route string) {
	method, path, _ := strings.Cut(route, " ")
	for _, models := range []string{"*", "team_b", "team_a_1", "team_a_*", "solo,team_b", "unseen", "refused"} {
		for _, format := range []string{"CSV", "JSON", "Parquet", "nothing"} {
			a.learn(route, request{method: method, target: path + "?format=" + format + "&q=" + models})
			a.learn(route, request{method: method, target: path + "?format=" + format + "&pipeline=of_the_team&q=" + models})
		}
	}
	a.compare(route, request{method: method, target: path + "?q=*"})
}

// TestTablesAreUsedAgain asks for columns with NULL and for others in turn, in the memory of one connection.
func TestTablesAreUsedAgain(t *testing.T) {
	server := startSet(t)
	for range 50 {
		for _, target := range []string{"/v0/sql?q=*&format=CSV", "/v0/pipes/model_performance_metrics.csv?model_id=*&model_version=*&as_of=2025-04-27T12:00:00Z", "/v0/pipes/models.csv"} {
			resp, body := server.do(t, "GET", target, nil)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			require.Contains(t, body, `"a`)
		}
	}
}
