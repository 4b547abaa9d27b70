package httpapi_test

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

var inf = math.Inf(1)

func TestTutorialsRequestsWorkAsTheyStand(t *testing.T) {
	server := start(t, httpapi.Options{})

	resp, body := server.do(t, "POST", "/v0/events?name=ml_model_predictions&utm_source=DEV&utm_campaign=tb+create+--prompt+DEV",
		strings.NewReader(workload.TutorialBody), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "Bearer x")
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "{\"successful_rows\":1,\"quarantined_rows\":0}\n", body)

	resp, body = server.do(t, "POST", "/v0/events?name=ml_model_predictions&wait=true", strings.NewReader(workload.TutorialLines))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "{\"successful_rows\":2,\"quarantined_rows\":0}\n", body)

	resp, _ = server.do(t, "GET", "/v0/pipes/model_performance_metrics.json?token=%24TB_ADMIN_TOKEN&model_id=price_prediction_model&model_version=v1.2.3&environment=production&time_window=48&utm_source=DEV", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "price_prediction_model", server.store.metrics[0].Model)
	require.Equal(t, 48.0, server.store.metrics[0].Window.Hours())
}
