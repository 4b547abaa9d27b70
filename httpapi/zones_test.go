package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestDayWithoutMidnight asks for days of Santiago, where on 2026-09-06 01:00 follows 23:59 of the day before.
func TestDayWithoutMidnight(t *testing.T) {
	clock := func() time.Time { return time.Date(2026, 9, 8, 0, 0, 0, 0, time.UTC) }
	db, err := engine.Open(t.TempDir(), engine.Options{Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	server := startWith(t, db, httpapi.Options{Now: clock})
	resp, body := server.do(t, "POST", events+"&wait=true", strings.NewReader(
		`{"timestamp":"2026-09-06T03:30:00Z","model_id":"m","prediction_id":"1","features":"{}","predicted_value":2,"actual_value":1,`+
			`"model_version":"v1","environment":"production"}`))
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	f := func(interval, zone, from, to string, want ...string) {
		t.Helper()
		q := url.Values{"model_id": {"m"}, "interval": {interval}, "timezone": {zone}, "from": {from}, "to": {to}}
		_, body := server.do(t, "GET", "/v0/pipes/model_performance_timeseries.csv?"+q.Encode(), nil)
		var got []string
		for line := range strings.Lines(body) {
			got = append(got, strings.Join(strings.Split(line, ",")[3:6], " "))
		}
		require.Equal(t, want, got)
	}
	f("1d", "America/Santiago", "2026-09-05T04:00:00Z", "2026-09-07T03:00:00Z",
		`"2026-09-05 04:00:00" "2026-09-06 04:00:00" 1`, `"2026-09-06 04:00:00" "2026-09-07 03:00:00" 0`)
	f("6h", "America/Santiago", "2026-09-06T03:00:00Z", "2026-09-06T10:00:00Z",
		`"2026-09-05 22:00:00" "2026-09-06 04:00:00" 1`, `"2026-09-06 04:00:00" "2026-09-06 09:00:00" 0`, `"2026-09-06 09:00:00" "2026-09-06 15:00:00" 0`)
	f("1mo", "America/Santiago", "2026-09-06T03:00:00Z", "2026-09-06T10:00:00Z", `"2026-09-01 04:00:00" "2026-10-01 03:00:00" 1`)
	f("1q", "Pacific/Apia", "2026-09-06T03:00:00Z", "2026-09-06T10:00:00Z", `"2026-06-30 11:00:00" "2026-09-30 11:00:00" 1`)
	f("1y", "UTC", "2026-09-06T03:00:00Z", "2026-09-06T10:00:00Z", `"2026-01-01 00:00:00" "2027-01-01 00:00:00" 1`)
	f("30m", "UTC", "2026-09-06T03:15:00Z", "2026-09-06T03:45:00Z",
		`"2026-09-06 03:00:00" "2026-09-06 03:30:00" 0`, `"2026-09-06 03:30:00" "2026-09-06 04:00:00" 1`)
}

// TestZonesOfTheMachine has names of files that machines keep beside the zones: no answer may depend on them.
func TestZonesOfTheMachine(t *testing.T) {
	server := start(t, httpapi.Options{})
	for _, name := range []string{"right/Europe/Berlin", "posix/Europe/Berlin", "localtime", "posixrules", "Local", "", "europe/berlin"} {
		resp, body := server.do(t, "GET", "/v0/pipes/model_performance_timeseries.json?timezone="+url.QueryEscape(name), nil)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, name)
		require.Contains(t, body, "must be a name of the tz database, such as Europe/Berlin")
	}
}
