package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestArrayWithoutItsFormat sends JSON arrays where lines are expected: one in which no line is an event is refused, since nobody
// looks for it in the quarantine; one with an event on a line of its own costs that event nothing.
func TestArrayWithoutItsFormat(t *testing.T) {
	server := start(t, httpapi.Options{})
	array := "[" + goodLine + ", " + goodLine + "]"
	f := func(target, body string, status int, want string) {
		t.Helper()
		resp, got := server.do(t, "POST", target, strings.NewReader(body))
		require.Equal(t, status, resp.StatusCode, got)
		require.Contains(t, got, want)
	}
	const refused = "send it with format=json, or one event per line"
	f(events, array, http.StatusBadRequest, refused)
	f(events, "\xEF\xBB\xBF \n"+array+"\n", http.StatusBadRequest, refused)
	f(events, "[]", http.StatusBadRequest, refused)
	f(events, "["+strings.Repeat(goodLine+",\n", 10_000)+goodLine+",\n"+goodLine+"]", http.StatusBadRequest, refused) // more than one piece
	f("/v0/datasources?mode=append&name=ml_model_predictions&format=ndjson", array, http.StatusBadRequest, refused)
	f(events+"&format=json", array, http.StatusAccepted, `{"successful_rows":2,"quarantined_rows":0}`)
	f(events, "[\n"+goodLine+"\n]", http.StatusAccepted, `{"successful_rows":1,"quarantined_rows":2}`)
	f(events, "[1,2", http.StatusAccepted, `{"successful_rows":0,"quarantined_rows":1}`)
	f(events, array+"\n"+array, http.StatusAccepted, `{"successful_rows":0,"quarantined_rows":2}`)
}

// TestUploadsAreToldByTheirFirstBytes uploads files under names that say something else.
func TestUploadsAreToldByTheirFirstBytes(t *testing.T) {
	server := start(t, httpapi.Options{})
	f := func(name, content, want string) {
		t.Helper()
		body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" + content + "\r\n--x--\r\n"
		_, got := server.do(t, "POST", "/v0/datasources?mode=append&name=ml_model_predictions", strings.NewReader(body),
			"Content-Type", "multipart/form-data; boundary=x")
		require.Contains(t, got, want)
	}
	array := "[" + goodLine + ",\n" + goodLine + "]"
	f("events.json", array, `{"successful_rows":2,"quarantined_rows":0}`)
	f("events", array, `{"successful_rows":2,"quarantined_rows":0}`)
	f("events.json", goodLine+"\n"+goodLine+"\n", `{"successful_rows":2,"quarantined_rows":0}`)
	f("df.parquet.gzip", string(parquetFile(t, 2)), `{"successful_rows":2,"quarantined_rows":0}`)
	f("df.csv", string(parquetFile(t, 2)), `{"successful_rows":2,"quarantined_rows":0}`)
}
