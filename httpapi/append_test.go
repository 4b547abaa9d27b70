package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

const rowLine = goodLine + "\n"

const appendTo = "/v1/datasources/ml_model_predictions/append?format=ndjson"

// jobTold is what is told of an append.
type jobTold struct {
	ID, Status, Kind, Error string
	Blocks                  []struct {
		Returned []struct{ Lines, Quarantine int } `json:"process_return"`
	}
}

func (r *running) appendRows(t *testing.T, body string, headers ...string) jobTold {
	t.Helper()
	resp, text := r.do(t, "POST", appendTo, strings.NewReader(body), headers...)
	require.Equal(t, http.StatusAccepted, resp.StatusCode, text)
	var told, again jobTold
	require.NoError(t, json.Unmarshal([]byte(text), &told))
	_, text = r.do(t, "GET", "/v0/jobs/"+told.ID+"?debug=blocks,block_log", nil)
	require.NoError(t, json.Unmarshal([]byte(text), &again))
	require.Equal(t, told, again)
	return told
}

// TestAppendJob appends, and is told what became of it.
func TestAppendJob(t *testing.T) {
	s := start(t, httpapi.Options{})
	told := s.appendRows(t, rowLine+rowLine)
	require.Equal(t, "done", told.Status)
	require.Equal(t, "import", told.Kind)
	require.Equal(t, 2, told.Blocks[0].Returned[0].Lines)
	// One with rejects has failed, in words by which Tinybird's client does not ask for more.
	told = s.appendRows(t, rowLine+"{}\n")
	require.Equal(t, "error", told.Status)
	require.Contains(t, told.Error, "1 of 2 rows were rejected")
	require.NotContains(t, told.Error, "quarantine")
	require.Equal(t, 1, told.Blocks[0].Returned[0].Quarantine)

	_, text := s.do(t, "GET", "/v0/jobs", nil)
	require.Equal(t, 2, strings.Count(text, `"kind":"import"`))
	require.Less(t, strings.Index(text, `"status":"error"`), strings.Index(text, `"status":"done"`), "the newest comes first")
	for filter, n := range map[string]int{"kind=import": 2, "status=done": 1, "status=done&kind=delete_data": 0} {
		_, text = s.do(t, "GET", "/v0/jobs?"+filter, nil)
		require.Equal(t, n, strings.Count(text, `"job_id"`), filter)
	}
	f := func(target string, status int, want string) {
		t.Helper()
		resp, text := s.do(t, "POST", target, strings.NewReader(rowLine))
		require.Equal(t, status, resp.StatusCode)
		require.Contains(t, errorText(t, text), want)
	}
	f("/v1/datasources/none/append", http.StatusNotFound, "does not exist")
	f(appendTo+"&url=http://example.com/x", http.StatusBadRequest, "the server fetches nothing")
	f("/v1/datasources/ml_model_predictions/append?format=xls", http.StatusBadRequest, "the parameter format is")
	f("/v1/datasources/ml_model_predictions/replace", http.StatusBadRequest, "are not replaced as a whole")
	require.Len(t, s.store.batches, 2)
}

// TestJobsOfOthers shows a job to whom it is of, and to an admin.
func TestJobsOfOthers(t *testing.T) {
	dir := t.TempDir()
	bearer := func(name, scope string) []string {
		return []string{"Authorization", "Bearer " + create(t, dir, name, scope)}
	}
	one, other, admin := bearer("one", "DATASOURCES:APPEND:ml_model_predictions"), bearer("other", "DATASOURCES:APPEND:ml_model_predictions"), bearer("admin", "ADMIN")
	s, _ := secured(t, dir)
	resp, text := s.do(t, "POST", appendTo, strings.NewReader(rowLine), one...)
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	var told jobTold
	require.NoError(t, json.Unmarshal([]byte(text), &told))
	for _, c := range []struct {
		who    []string
		status int
	}{{one, 200}, {other, 404}, {admin, 200}} {
		resp, _ = s.do(t, "GET", "/v0/jobs/"+told.ID, nil, c.who...)
		require.Equal(t, c.status, resp.StatusCode)
		_, text = s.do(t, "GET", "/v0/jobs", nil, c.who...)
		require.Equal(t, c.status == 200, strings.Contains(text, told.ID))
	}
}

// TestRepeatedAppend sends the same request again, as Tinybird's client does when its connection breaks: it is one, for ten minutes, or up
// to a deletion.
func TestRepeatedAppend(t *testing.T) {
	// Ten seconds before the end of ten minutes of the clock.
	clock := time.Date(2025, 4, 27, 11, 59, 50, 0, time.UTC)
	store := deletingStore{newFakeStore()}
	s := startWith(t, store, httpapi.Options{Now: func() time.Time { return clock }})
	stored := func(want int, body string, headers ...string) {
		t.Helper()
		told := s.appendRows(t, body, headers...)
		require.Equal(t, strings.Count(body, "\n"), told.Blocks[0].Returned[0].Lines)
		require.Len(t, store.batches, want)
	}
	stored(1, rowLine)
	stored(1, rowLine)
	clock = clock.Add(9 * time.Minute)
	stored(1, rowLine)
	stored(2, rowLine+rowLine) // another body
	stored(2, rowLine+rowLine)
	stored(3, rowLine, "Idempotency-Key", "mine")
	stored(3, rowLine, "Idempotency-Key", "mine")
	clock = clock.Add(2 * time.Minute)
	stored(4, rowLine)
	// Plain requests are what they were.
	for range 2 {
		resp, text := s.do(t, "POST", events, strings.NewReader(rowLine))
		require.Equal(t, http.StatusAccepted, resp.StatusCode, text)
	}
	require.Len(t, store.batches, 6)
	stored(6, rowLine)
	resp, text := s.do(t, "POST", "/v0/datasources/ml_model_predictions/truncate", nil)
	require.Equal(t, http.StatusResetContent, resp.StatusCode, text)
	stored(7, rowLine)
	stored(7, rowLine)

	// A server that is started again goes on with the ten minutes of the clock.
	again := startWith(t, store, httpapi.Options{Now: func() time.Time { return clock }})
	again.appendRows(t, rowLine+rowLine+rowLine)
	require.Len(t, store.batches, 8)
	again = startWith(t, store, httpapi.Options{Now: func() time.Time { return clock.Add(time.Second) }})
	again.appendRows(t, rowLine+rowLine+rowLine)
	require.Len(t, store.batches, 8)
}

// TestRepeatedAppendOfAnother stores the same body of two holders twice.
func TestRepeatedAppendOfAnother(t *testing.T) {
	dir := t.TempDir()
	const scope = "DATASOURCES:APPEND:ml_model_predictions"
	tokens := []string{create(t, dir, "one", scope), create(t, dir, "two", scope)}
	s, _ := secured(t, dir)
	for range 2 {
		for _, token := range tokens {
			resp, text := s.do(t, "POST", appendTo, strings.NewReader(rowLine), "Authorization", "Bearer "+token)
			require.Equal(t, http.StatusAccepted, resp.StatusCode, text)
		}
	}
	require.Len(t, s.store.batches, 2)
}

// deletingStore says that it deletes.
type deletingStore struct{ *fakeStore }

func (deletingStore) DeleteRows(context.Context, engine.Deletion) (engine.Deleted, error) {
	return engine.Deleted{}, nil
}

func (deletingStore) CountDeletion(context.Context, engine.Deletion) (engine.Deleted, error) {
	return engine.Deleted{}, nil
}

var _ httpapi.DeletingStore = deletingStore{}
