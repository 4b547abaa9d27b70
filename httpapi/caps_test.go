package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestNewNamesBeyondABound sends new models to a store that is full of them: they cost their own rows, which are
// quarantined and counted, and a retry is told the same.
func TestNewNamesBeyondABound(t *testing.T) {
	db, err := engine.Open(t.TempDir(), engine.Options{ModelsMax: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	server := startWith(t, db, httpapi.Options{Now: time.Now})
	of := func(model, id string) string {
		return `{"timestamp":"2026-01-02 03:04:05","model_id":"` + model + `","prediction_id":"` + id + `","features":"{}",` +
			`"predicted_value":1,"actual_value":2,"model_version":"v","environment":"production"}` + "\n"
	}
	f := func(key, body, want string) {
		t.Helper()
		resp, got := server.do(t, "POST", events+"&wait=true", strings.NewReader(body), "Idempotency-Key", key)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, want+"\n", got)
	}
	f("1", of("here", "1")+of("new", "2"), `{"successful_rows":1,"quarantined_rows":1}`)
	f("2", of("new", "3")+of("here", "4")+"nonsense\n", `{"successful_rows":1,"quarantined_rows":2}`)
	f("2", of("new", "3")+of("here", "4")+"nonsense\n", `{"successful_rows":1,"quarantined_rows":2}`)
	f("3", of("here", "5"), `{"successful_rows":1,"quarantined_rows":0}`)

	samples := scrape(t, server)
	require.InDelta(t, 2, samples[`residual_quarantined_total{reason="too_many_models"}`], 0)
	require.InDelta(t, 1, samples["residual_models"], 0)
	require.InDelta(t, 3, samples["residual_rows_total"], 0)
	_, quarantined := server.do(t, "GET", "/v0/pipes/ml_model_predictions_quarantine.csv", nil)
	require.Equal(t, 2, strings.Count(quarantined, "a new model, and the store has as many as it may"))
}
