package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
)

// mapped is a data source by columns and the dots between the members that lead to them: of predictions, or of actuals if there is no
// predicted_value among them.
func mapped(name string, paths map[string]string) httpapi.Datasource {
	d := httpapi.Datasource{Name: name, Description: "Events of " + name}
	d.Mapping.Actuals = paths["predicted_value"] == ""
	for _, column := range []string{"timestamp", "model_id", "prediction_id", "features", "predicted_value", "actual_value", "model_version", "environment"} {
		if path, ok := paths[column]; ok {
			d.Mapping.Columns = append(d.Mapping.Columns, event.MappedColumn{Name: column, Path: strings.Split(path, ".")})
		}
	}
	return d
}

// scores is a data source of nested events, with an epoch and a default.
func scores() httpapi.Datasource {
	d := mapped("scores", map[string]string{
		"timestamp": "ts", "model_id": "model.name", "model_version": "model.version", "prediction_id": "id", "predicted_value": "out.score",
		"features": "in", "actual_value": "truth", "environment": "env",
	})
	d.Mapping.Column("timestamp").Unit = time.Second
	d.Mapping.Column("environment").Default, d.Mapping.Column("environment").HasDefault = "production", true
	return d
}

// labels is a data source of actuals.
func labels() httpapi.Datasource {
	return mapped("labels", map[string]string{"model_id": "model", "prediction_id": "ref.id", "actual_value": "label"})
}

const scoreLine = `{"ts":1745690000,"id":"a","model":{"name":"m","version":"v7"},"out":{"score":0.25,"label":"x"},"in":{"x":1}}`

func TestDatasources(t *testing.T) {
	store := &actualsStore{fakeStore: newFakeStore()}
	server := startWith(t, store, httpapi.Options{})
	resp, _ := server.do(t, "POST", "/v0/events?name=scores", strings.NewReader(scoreLine))
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{scores(), labels()}))

	resp, body := server.do(t, "POST", "/v0/events?name=scores", strings.NewReader(scoreLine+"\n"+goodLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	require.JSONEq(t, `{"successful_rows":1,"quarantined_rows":1}`, body)
	require.Equal(t, event.Event{
		Timestamp: time.Unix(1745690000, 0).UTC(), ModelID: "m", ModelVersion: "v7", PredictionID: "a", PredictedValue: 0.25, Features: `{"x":1}`,
		Environment: "production",
	}, store.batches[0].Event(0))
	require.Equal(t, "timestamp", store.batches[0].Rejects[0].Column)
	require.Equal(t, []string{"scores"}, store.origins)

	resp, body = server.do(t, "POST", "/v0/events?name=labels", strings.NewReader(`{"model":"m","ref":{"id":"a"},"label":3}`))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	require.Equal(t, event.Actual{ModelID: "m", PredictionID: "a", Value: 3}, store.got[0].Actual(0))
	require.Equal(t, []string{"scores", "labels"}, store.origins)

	// The data sources that every server has are what they were.
	resp, body = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)

	_, body = server.do(t, "GET", "/v0/datasources", nil)
	var list struct {
		Datasources []struct{ Name, Description string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Equal(t, []struct{ Name, Description string }{
		{"ml_model_predictions", ""}, {"ml_model_actuals", ""}, {"labels", "Events of labels"}, {"scores", "Events of scores"},
	}, list.Datasources)
	_, body = server.do(t, "GET", "/v0/datasources/labels", nil)
	require.JSONEq(t, `{"id":"labels","name":"labels","description":"Events of labels","type":"csv",
		"created_at":"2025-04-27 12:00:00.000000","updated_at":"2025-04-27 12:00:00.000000","statistics":{"row_count":1,"bytes":40},"columns":[
		{"name":"model_id","type":"String","jsonpath":"$.model"},{"name":"prediction_id","type":"String","jsonpath":"$.ref.id"},
		{"name":"actual_value","type":"Float64","jsonpath":"$.label"}]}`, body)
	_, body = server.do(t, "GET", "/v0/datasources/scores", nil)
	require.Contains(t, body, `{"name":"environment","type":"String","jsonpath":"$.env","default_value":"production"}`)
	_, body = server.do(t, "GET", "/v0/datasources/ml_model_predictions", nil)
	require.NotContains(t, body, "jsonpath")
	resp, _ = server.do(t, "GET", "/v0/datasources/none", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)

	for _, pipe := range []string{"labels_quarantine", "scores_quarantine"} {
		_, body = server.do(t, "GET", "/v0/pipes", nil)
		require.Contains(t, body, `"`+pipe+`"`)
		_, body = server.do(t, "GET", "/v0/pipes/openapi.json", nil)
		require.Contains(t, body, `"/v0/pipes/`+pipe+`.json"`)
		resp, body = server.do(t, "GET", "/v0/pipes/"+pipe+".json", nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Equal(t, strings.TrimSuffix(pipe, "_quarantine"), store.quarantines[len(store.quarantines)-1].Source)
	}
	resp, _ = server.do(t, "GET", "/v0/pipes/quarantine.json?name=scores", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	samples := scrape(t, server)
	require.EqualValues(t, 1, samples[`residual_http_datasource_rows_total{datasource="scores"}`])
	require.EqualValues(t, 1, samples[`residual_http_datasource_quarantined_rows_total{datasource="scores"}`])
	require.EqualValues(t, 1, samples[`residual_http_datasource_rows_total{datasource="labels"}`])
	require.EqualValues(t, 1, samples[`residual_http_datasource_rows_total{datasource="ml_model_predictions"}`])

	// What stays goes on counting, what is gone is gone.
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{scores()}))
	samples = scrape(t, server)
	require.EqualValues(t, 1, samples[`residual_http_datasource_rows_total{datasource="scores"}`])
	require.NotContains(t, samples, `residual_http_datasource_rows_total{datasource="labels"}`)
	for _, target := range []string{"/v0/pipes/labels_quarantine.json", "/v0/datasources/labels", "/v0/pipes/quarantine.json?name=labels"} {
		resp, _ = server.do(t, "GET", target, nil)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, target)
	}
}

// TestDatasourceInPlace gives a data source that every server has another mapping, and takes it back.
func TestDatasourceInPlace(t *testing.T) {
	server := start(t, httpapi.Options{})
	d := scores()
	d.Name = "ml_model_predictions"
	send := func(line string) string {
		_, body := server.do(t, "POST", events, strings.NewReader(line))
		return body
	}
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{d}))
	require.JSONEq(t, `{"successful_rows":1,"quarantined_rows":0}`, send(scoreLine))
	require.JSONEq(t, `{"successful_rows":0,"quarantined_rows":1}`, send(goodLine))
	_, body := server.do(t, "GET", "/v0/datasources", nil)
	require.Equal(t, 1, strings.Count(body, `"id":`))
	require.Contains(t, body, `"jsonpath":"$.out.score"`)
	require.NoError(t, server.SetDatasources(nil))
	require.JSONEq(t, `{"successful_rows":1,"quarantined_rows":0}`, send(goodLine))
}

func TestSetDatasourcesRefuses(t *testing.T) {
	server := startWith(t, &actualsStore{fakeStore: newFakeStore()}, httpapi.Options{})
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{scores()}))
	f := func(want string, list ...httpapi.Datasource) {
		t.Helper()
		err := server.SetDatasources(list)
		require.ErrorIs(t, err, httpapi.ErrDatasource)
		require.ErrorContains(t, err, want)
	}
	named := func(name string, d httpapi.Datasource) httpapi.Datasource { d.Name = name; return d }
	f("it is there twice", scores(), labels(), scores())
	f("not end with _quarantine", named("a_quarantine", labels()))
	f("1 to 128 letters", named("", labels()))
	f("1 to 128 letters", named(strings.Repeat("a", 129), labels()))
	f("1 to 128 letters", named("a/b", labels()))
	f("its columns are those of ml_model_actuals", named("ml_model_predictions", labels()))
	f("its columns are those of ml_model_predictions", named("ml_model_actuals", scores()))
	f(`column "prediction_id": it is missing`, mapped("x", map[string]string{"model_id": "m", "actual_value": "a"}))
	resp, _ := server.do(t, "POST", "/v0/events?name=scores", strings.NewReader(scoreLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, "all is as it was")
}

// TestDatasourceRights gives tokens rights to data sources, by scopes of their own and by those that the data sources give.
func TestDatasourceRights(t *testing.T) {
	dir := t.TempDir()
	d, other := scores(), scores()
	other.Name = "other"
	d.Grants = []httpapi.Grant{{Token: "writer", Append: true}, {Token: "reader"}, {Token: "nobody", Append: true}}
	both := []httpapi.Datasource{d, other}
	newToken := func(name string, scopes ...string) string {
		token, err := httpapi.CreateProjectToken(httpapi.TokensIn(dir), httpapi.Token{Name: name, Scopes: scopes, Created: now}, both, nil)
		require.NoError(t, err)
		return token
	}
	_, err := httpapi.CreateProjectToken(httpapi.TokensIn(dir), httpapi.Token{Name: "nameless"}, both, nil)
	require.ErrorContains(t, err, "at least one scope is needed")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"DATASOURCES:APPEND:scores"}})
	require.ErrorContains(t, err, "does not exist")
	tokens := map[string]string{
		"writer": newToken("writer"), "reader": newToken("reader"), "scoped": newToken("scoped", "DATASOURCES:APPEND:scores", "DATASOURCES:READ:other"),
		"stranger": newToken("stranger", "DATASOURCES:APPEND:ml_model_predictions"), "admin": newToken("admin", "ADMIN"),
	}
	known, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	server := startWith(t, &actualsStore{fakeStore: newFakeStore()}, httpapi.Options{Tokens: known})
	require.Equal(t, []string{
		"the token scoped: the scope 'DATASOURCES:APPEND:scores' is of something that does not exist; DATASOURCES:APPEND:<name> is for ml_model_predictions, ml_model_actuals",
		"the token scoped: the scope 'DATASOURCES:READ:other' is of something that does not exist; DATASOURCES:READ:<name> is for ml_model_predictions, ml_model_actuals",
	}, server.TokenWarnings())
	require.NoError(t, server.SetDatasources(both))
	require.Equal(t, []string{"the data source scores gives rights to the token nobody, which does not exist; residual token create makes it"}, server.TokenWarnings())
	allowed := func(token, method, target string) bool {
		resp, body := server.do(t, method, target, strings.NewReader(""), "Authorization", "Bearer "+tokens[token])
		require.Contains(t, []int{200, 202, 403}, resp.StatusCode, body)
		return resp.StatusCode != http.StatusForbidden
	}
	for target, may := range map[string][]string{
		"POST /v0/events?name=scores":                        {"writer", "scoped", "admin"},
		"POST /v0/events?name=other":                         {"admin"},
		"POST /v0/datasources?name=scores&format=ndjson":     {"writer", "scoped", "admin"},
		"GET /v0/pipes/scores_quarantine.json":               {"reader", "admin"},
		"GET /v0/pipes/other_quarantine.json":                {"scoped", "admin"},
		"GET /v0/datasources/scores":                         {"writer", "reader", "scoped", "admin"},
		"GET /v0/datasources/other":                          {"scoped", "admin"},
		"GET /v0/pipes/ml_model_predictions_quarantine.json": {"admin"},
	} {
		method, target, _ := strings.Cut(target, " ")
		for name := range tokens {
			require.Equal(t, slices.Contains(may, name), allowed(name, method, target), "%s %s", name, target)
		}
	}
	_, body := server.do(t, "GET", "/v0/datasources", nil, "Authorization", "Bearer "+tokens["writer"])
	require.Contains(t, body, `"scores"`)
	require.NotContains(t, body, `"other"`)

	// What a data source no longer gives is gone.
	d.Grants = nil
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{d, other}))
	require.False(t, allowed("writer", "POST", "/v0/events?name=scores"))
	require.True(t, allowed("scoped", "POST", "/v0/events?name=scores"))
}

// TestDatasourcesChangeUnderLoad changes the mapping of a data source while events come: the rows of a request are all by one mapping.
func TestDatasourcesChangeUnderLoad(t *testing.T) {
	t.Parallel()
	store := &actualsStore{fakeStore: newFakeStore()}
	server := startWith(t, store, httpapi.Options{})
	sides := [2]httpapi.Datasource{}
	for i, member := range []string{"a", "b"} {
		sides[i] = mapped("load", map[string]string{
			"timestamp": "ts", "model_id": "model", "model_version": "v", "environment": "env", "prediction_id": "id", "features": "in", "predicted_value": member + ".score",
		})
	}
	require.NoError(t, server.SetDatasources(sides[:1]))
	const rows, requests, senders = 300, 40, 3
	var text strings.Builder
	for i := range rows {
		fmt.Fprintf(&text, `{"ts":"2025-04-27 11:00:00","model":"m","v":"v","env":"e","id":"%d","in":{},"a":{"score":1},"b":{"score":2}}`+"\n", i)
	}
	var sending, changing sync.WaitGroup
	stop := make(chan struct{})
	changing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := server.SetDatasources(sides[i%2 : i%2+1]); err != nil {
					panic(err)
				}
			}
		}
	})
	for range senders {
		sending.Go(func() {
			for range requests {
				resp, err := http.Post(server.url("/v0/events?name=load"), "", io.NopCloser(strings.NewReader(text.String())))
				if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusAccepted {
					panic(fmt.Sprint(err, resp))
				}
			}
		})
	}
	sending.Wait()
	close(stop)
	changing.Wait()
	require.Len(t, store.batches, requests*senders)
	for i := range store.batches {
		b := &store.batches[i]
		require.Equal(t, rows, b.Len())
		for row := range rows {
			require.Equal(t, b.Predicted[0], b.Predicted[row])
		}
	}
	require.EqualValues(t, requests*senders*rows, scrape(t, server)[`residual_http_datasource_rows_total{datasource="load"}`])
}

// TestDatasourceQuarantine holds that each data source has a quarantine of its own, which is emptied by itself, and that its rows are
// deleted where all rows are.
func TestDatasourceQuarantine(t *testing.T) {
	server := startWith(t, openStore(t), httpapi.Options{})
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{scores(), labels()}))
	for i, name := range []string{"scores", "labels", "ml_model_predictions"} {
		for _, key := range []string{"", "key"} {
			headers := []string{"Idempotency-Key", key}
			if key == "" {
				headers = nil
			}
			resp, body := server.do(t, "POST", "/v0/events?name="+name, strings.NewReader(strings.Repeat(`{"of":"`+name+`"}`+"\n", i+1)), headers...)
			require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
		}
	}
	count := func(target string) int {
		resp, body := server.do(t, "GET", "/v0/pipes/"+target, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		return strings.Count(body, "\n")
	}
	require.Equal(t, 2, count("scores_quarantine.csv"))
	require.Equal(t, 4, count("labels_quarantine.csv"))
	require.Equal(t, 6, count("ml_model_predictions_quarantine.csv"))
	require.Equal(t, 4, count("quarantine.csv?name=labels"))
	require.Equal(t, 12, count("quarantine.csv"))
	for _, action := range []string{"delete?delete_condition=model_id%20%3D%20'm'", "truncate"} {
		resp, body := server.do(t, "POST", "/v0/datasources/scores/"+action, nil)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
		require.Equal(t, "the rows of scores are rows of ml_model_predictions, beside those of other data sources, and are deleted there; "+
			"POST /v0/datasources/scores_quarantine/truncate empties its quarantine", errorText(t, body))
	}
	resp, body := server.do(t, "POST", "/v0/datasources/labels_quarantine/truncate", nil)
	require.Equal(t, http.StatusResetContent, resp.StatusCode, body)
	require.Equal(t, 2, count("scores_quarantine.csv"))
	require.Zero(t, count("labels_quarantine.csv"))
	require.Equal(t, 8, count("quarantine.csv"))
}
