package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// deleting is a server with rows of three models, a line in each quarantine and actuals without predictions, and tokens.
type deleting struct {
	*running
	db   *engine.DB
	logs *lockedBuffer
}

const (
	deletePath   = "/v0/datasources/ml_model_predictions/delete"
	truncatePath = "/v0/datasources/ml_model_predictions/truncate"
)

func startDeleting(t *testing.T) *deleting {
	t.Helper()
	dir := t.TempDir()
	db, err := engine.Open(dir, engine.Options{NoBackground: true, Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	logs := &lockedBuffer{}
	s := startWith(t, db, httpapi.Options{Logger: slog.New(slog.NewTextHandler(logs, nil))})
	d := &deleting{s, db, logs}
	var rows, actuals strings.Builder
	for i := range 30 {
		fmt.Fprintf(&rows, `{"timestamp":%q,"model_id":"model_%d","prediction_id":"p'%d","features":{},"predicted_value":1,"actual_value":2,"model_version":"v%d","environment":"production"}`+"\n",
			now.Add(-time.Duration(i)*time.Hour).Format(time.DateTime), i%3, i, i%2)
	}
	for i := range 4 {
		fmt.Fprintf(&actuals, `{"model_id":"model_%d","prediction_id":"unknown","actual_value":1}`+"\n", i)
	}
	for source, body := range map[string]string{"ml_model_predictions": rows.String(), "ml_model_actuals": actuals.String()} {
		resp, text := s.do(t, "POST", "/v0/events?name="+source, strings.NewReader(body+"bad\n"))
		require.Equal(t, 202, resp.StatusCode, text)
	}
	return d
}

// post sends a form.
func (d *deleting) post(t *testing.T, path string, form url.Values, headers ...string) (status int, answer map[string]any) {
	t.Helper()
	resp, text := d.do(t, "POST", path, strings.NewReader(form.Encode()), append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
	if text != "" {
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
	}
	return resp.StatusCode, answer
}

func (d *deleting) rows() uint64 { return d.db.Stats().HeadRows }

// TestDelete deletes rows as Tinybird's clients do, in a form or in the query, with a look at how many first.
func TestDelete(t *testing.T) {
	d := startDeleting(t)
	where := url.Values{"delete_condition": {"model_id = 'model_1' AND timestamp >= '" + now.Add(-10*time.Hour).Format(time.DateTime) + "'"}}
	dry := url.Values{"delete_condition": where["delete_condition"], "dry_run": {"true"}}
	status, answer := d.post(t, deletePath, dry)
	require.Equal(t, 200, status)
	require.Equal(t, map[string]any{"rows_to_be_deleted": 4.0}, answer)
	require.EqualValues(t, 30, d.rows())

	status, answer = d.post(t, deletePath, where)
	require.Equal(t, 201, status)
	require.Equal(t, 4.0, answer["rows_affected"])
	require.EqualValues(t, 26, d.rows())
	for _, key := range []string{"id", "job_id", "delete_id", "job_url", "status"} {
		require.NotEmpty(t, answer[key])
	}
	resp, text := d.do(t, "GET", answer["job_url"].(string)+"?debug=blocks", http.NoBody)
	require.Equal(t, 200, resp.StatusCode)
	require.JSONEq(t, string(must(json.Marshal(answer))), text)

	status, answer = d.post(t, "/v1/datasources/ml_model_predictions/delete?delete_condition="+url.QueryEscape(`prediction_id IN ('p\'0', 'p''2')`), nil)
	require.Equal(t, 201, status)
	require.Equal(t, 2.0, answer["rows_affected"])
	status, answer = d.post(t, deletePath, url.Values{"delete_condition": {"model_id = 'a' AND model_id = 'b'"}})
	require.Equal(t, 201, status)
	require.Equal(t, 0.0, answer["rows_affected"])
	require.EqualValues(t, 24, d.rows())

	logs := d.logs.String()
	require.Contains(t, logs, `msg=deleted datasource=ml_model_predictions condition="model_id = ? AND timestamp >= ?" token="" remote=127.0.0.1:`)
	require.Contains(t, logs, "rows=4 actuals=0")
	require.NotContains(t, logs, "model_1")
}

// TestTruncate empties a data source, remembered actuals, and a quarantine.
func TestTruncate(t *testing.T) {
	d := startDeleting(t)
	quarantined := func(source string) int {
		resp, text := d.do(t, "GET", "/v0/pipes/"+source+"_quarantine.json", http.NoBody)
		require.Equal(t, 200, resp.StatusCode, text)
		var got struct{ Rows int }
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		return got.Rows
	}
	require.Equal(t, 1, quarantined("ml_model_predictions"))
	status, answer := d.post(t, "/v0/datasources/ml_model_predictions_quarantine/truncate", nil)
	require.Equal(t, 205, status)
	require.Empty(t, answer)
	require.Zero(t, quarantined("ml_model_predictions"))
	require.Equal(t, 1, quarantined("ml_model_actuals"))
	require.EqualValues(t, 30, d.rows())

	status, answer = d.post(t, "/v0/datasources/ml_model_actuals/delete", url.Values{"delete_condition": {"model_id IN ('model_0', 'model_3')"}})
	require.Equal(t, 201, status)
	require.Equal(t, 2.0, answer["rows_affected"])
	status, _ = d.post(t, "/v0/datasources/ml_model_actuals/truncate", nil)
	require.Equal(t, 205, status)
	require.Zero(t, d.db.Stats().ActualsRemembered)
	status, _ = d.post(t, truncatePath, nil)
	require.Equal(t, 205, status)
	require.Zero(t, d.rows())
}

// TestTruncateCounts asks what would be deleted, which deletes nothing.
func TestTruncateCounts(t *testing.T) {
	d := startDeleting(t)
	for source, want := range map[string]float64{
		"ml_model_predictions": 30, "ml_model_predictions_quarantine": 1, "ml_model_actuals": 4, "ml_model_actuals_quarantine": 1,
	} {
		path := "/v0/datasources/" + source + "/truncate"
		status, answer := d.post(t, path+"?dry_run=true&from=cli&cli_version=9.1&name=x&__tb__semver=1", nil)
		require.Equal(t, 200, status, source)
		require.Equal(t, map[string]any{"rows_to_be_deleted": want}, answer, source)
		status, answer = d.post(t, path, url.Values{"dry_run": {"1"}})
		require.Equal(t, 200, status, source)
		require.Equal(t, map[string]any{"rows_to_be_deleted": want}, answer, source)
	}
}

// TestDeleteIgnoresNothing has parameters that may be meant to spare rows, in the query and in the form.
func TestDeleteIgnoresNothing(t *testing.T) {
	d := startDeleting(t)
	for parameter, want := range map[string]string{
		"dryrun=true":             "the parameter 'dryrun' is unknown here, which looks like dry_run",
		"dry-run=true":            "looks like dry_run",
		"DRY_RUN=true":            "looks like dry_run",
		"condition=model_id='a'":  "the parameter 'condition' is unknown here, which looks like delete_condition",
		"where=model_id='a'":      "the parameter 'where' is unknown here",
		"from=2026-11-01":         "the parameter 'from' is unknown here",
		"model_id=model_1":        "the parameter 'model_id' is unknown here",
		"dry_run=yes":             "must be true, false, 1 or 0",
		"dry_run":                 "must be true, false, 1 or 0",
		"dry_run=true&dry_run=no": "more than once",
		"=1":                      "is unknown here",
		"x":                       "the parameter 'x' is unknown here",
	} {
		for _, path := range []string{truncatePath, "/v0/datasources/ml_model_actuals/truncate", "/v0/datasources/ml_model_predictions_quarantine/truncate", deletePath} {
			body := ""
			if path == deletePath {
				body = "delete_condition=model_id = 'model_1'"
			}
			resp, text := d.do(t, "POST", path+"?"+parameter, strings.NewReader(body))
			require.Equal(t, 400, resp.StatusCode, "%s %s", path, parameter)
			require.Contains(t, text, want)
			resp, text = d.do(t, "POST", path, strings.NewReader(strings.Trim(body+"&"+parameter, "&")))
			require.Equal(t, 400, resp.StatusCode, "%s %s", path, parameter)
			require.Contains(t, text, want)
		}
	}
	require.EqualValues(t, 30, d.rows())
	require.NotZero(t, d.db.Stats().ActualsRemembered)
}

// TestDeleteAsDocumented sends what curl sends of the line in docs/http.md: the parts of -d as they are, with & between them.
func TestDeleteAsDocumented(t *testing.T) {
	d := startDeleting(t)
	text, err := os.ReadFile("../docs/http.md")
	require.NoError(t, err)
	_, text, found := bytes.Cut(text, []byte("## Deleting"))
	require.True(t, found)
	command := regexp.MustCompile(`curl -d "([^"]+)" -d (\S+) `).FindSubmatch(text)
	require.NotNil(t, command)
	send := func(body string) (int, string) {
		resp, answer := d.do(t, "POST", deletePath, strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded")
		return resp.StatusCode, answer
	}
	documented := string(command[1]) + "&" + string(command[2])
	status, answer := send(documented)
	require.Equal(t, 200, status, answer)
	require.JSONEq(t, `{"rows_to_be_deleted":0}`, answer)
	status, answer = send(regexp.MustCompile(`'2026-[^']*'`).ReplaceAllString(strings.ReplaceAll(documented, "'price'", "'model_1'"), "'"+now.Add(-10*time.Hour).Format(time.DateTime)+"'"))
	require.Equal(t, 200, status, answer)
	status, answer = send("delete_condition=model_id = 'model_1'\n AND model_version IN ('v0', 'v1')&dry_run=1\n")
	require.Equal(t, 200, status, answer)
	require.JSONEq(t, `{"rows_to_be_deleted":10}`, answer)
	for _, sql := range []string{"SELECT * FROM _", "SELECT a FROM _ WHERE a = 1 & b = 2"} {
		status, answer = send(sql)
		require.Equal(t, 400, status)
		require.Contains(t, answer, "neither a form nor one JSON object")
	}
}

// TestDeleteRefused has what is not deleted by.
func TestDeleteRefused(t *testing.T) {
	d := startDeleting(t)
	for _, c := range []struct {
		path, condition, want string
		status                int
	}{
		{deletePath, "", "delete_condition: the condition is empty", 400},
		{deletePath, "model_id = 'a' OR model_id = 'b'", "AND or the end is expected, at position 16 near OR model_id = 'b'", 400},
		{deletePath, "predicted_value > 1", "rows are not deleted by the column predicted_value, at position 1", 400},
		{deletePath, "model_id IN ('" + strings.Repeat("a", 33<<10) + "')", "32768 are allowed", 400},
		{"/v0/datasources/ml_model_actuals/delete", "timestamp < '2026-11-01'", "remembered actuals are of no time", 400},
		{"/v0/datasources/ml_model_predictions_quarantine/delete", "model_id = 'a'", "truncate empties it", 400},
		{truncatePath, "model_id = 'a'", "truncate deletes everything", 400},
		{"/v0/datasources/other/delete", "model_id = 'a'", "the data source 'other' does not exist", 404},
		{"/v0/datasources/other_quarantine/truncate", "", "the data source 'other_quarantine' does not exist", 404},
		{"/v0/datasources/ml_model_predictions/exchange", "", "there is nothing at", 404},
		{"/v0/datasources/ml_model_predictions/delete/x", "", "there is nothing at", 404},
	} {
		status, answer := d.post(t, c.path, url.Values{"delete_condition": {c.condition}})
		require.Equal(t, c.status, status, "%s %v", c.path, answer)
		require.Contains(t, answer["error"], c.want)
	}
	status, answer := d.post(t, deletePath, nil)
	require.Equal(t, 400, status)
	require.Contains(t, answer["error"], "delete_condition is missing")
	resp, _ := d.do(t, "GET", deletePath, http.NoBody)
	require.Equal(t, 405, resp.StatusCode)
	resp, _ = d.do(t, "GET", "/v0/jobs/unknown", http.NoBody)
	require.Equal(t, 404, resp.StatusCode)
	require.EqualValues(t, 30, d.rows())
}

// TestDeleteNeedsItsScope asks with tokens of other rights, and with one that is bounded to models: all others are as if they did not
// exist.
func TestDeleteNeedsItsScope(t *testing.T) {
	d := startDeleting(t)
	dir := t.TempDir()
	bearer := func(name, within string, scopes ...string) []string {
		token, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: name, Scopes: scopes, Models: list(within), Created: now})
		require.NoError(t, err)
		return []string{"Authorization", "Bearer " + token}
	}
	admin := bearer("admin", "", "ADMIN")
	deleter := bearer("deleter", "", "DATASOURCES:DELETE:ml_model_predictions")
	reader := bearer("reader", "", "DATASOURCES:READ:ml_model_predictions", "DATASOURCES:APPEND:ml_model_predictions", "DATASOURCES:DELETE:ml_model_actuals")
	bounded := bearer("bounded", "model_1", "DATASOURCES:DELETE:ml_model_predictions")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	logs := &lockedBuffer{}
	d.running = startWith(t, d.db, httpapi.Options{Tokens: tokens, Logger: slog.New(slog.NewTextHandler(logs, nil))})

	all := url.Values{"delete_condition": {"timestamp > '2000-01-01'"}, "dry_run": {"1"}}
	for _, c := range []struct {
		token  []string
		status int
		rows   any
	}{{nil, 403, nil}, {reader, 403, nil}, {admin, 200, 30.0}, {deleter, 200, 30.0}, {bounded, 200, 10.0}} {
		status, answer := d.post(t, deletePath, all, c.token...)
		require.Equal(t, c.status, status)
		require.Equal(t, c.rows, answer["rows_to_be_deleted"])
	}
	status, _ := d.post(t, "/v0/datasources/ml_model_predictions_quarantine/truncate", nil, bounded...)
	require.Equal(t, 403, status)
	status, _ = d.post(t, truncatePath, nil, reader...)
	require.Equal(t, 403, status)
	status, _ = d.post(t, truncatePath, nil, bounded...)
	require.Equal(t, 205, status)
	require.EqualValues(t, 20, d.rows())
	status, answer := d.post(t, deletePath, url.Values{"delete_condition": {"model_id = 'model_0'"}}, bounded...)
	require.Equal(t, 201, status)
	require.Equal(t, 0.0, answer["rows_affected"])
	status, answer = d.post(t, deletePath, url.Values{"delete_condition": {"model_id = 'model_0'"}}, deleter...)
	require.Equal(t, 201, status)
	for name, want := range map[string]struct {
		token  []string
		status int
	}{"its own": {deleter, 200}, "admin": {admin, 200}, "bounded": {bounded, 404}, "another": {reader, 404}} {
		resp, _ := d.do(t, "GET", answer["job_url"].(string), http.NoBody, want.token...)
		require.Equal(t, want.status, resp.StatusCode, name)
	}
	require.Contains(t, logs.String(), "token=deleter")
}

// list is of one pattern, or of none.
func list(pattern string) []string {
	if pattern == "" {
		return nil
	}
	return []string{pattern}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
