package httpapi_test

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

var inf = math.Inf(1)

// tutorialEvents are the two sample lines that the data source is made for.
const tutorialEvents = `{"timestamp": "2025-04-26 17:55:44", "model_id": "model_5", "prediction_id": "pred_2704", "features": "{\"feature1\":10,\"feature2\":41,\"feature3\":21}", "predicted_value": 17456627040, "actual_value": 17456627040, "model_version": "v5.4", "environment": "production"}
{"timestamp": "2025-04-24 13:55:44", "model_id": "model_2", "prediction_id": "pred_1316", "features": "{\"feature1\":72,\"feature2\":34,\"feature3\":5}", "predicted_value": 32959113160, "actual_value": 32959113160, "model_version": "v2.6", "environment": "staging"}
`

// tutorialBody is one event as curl -d sends it.
const tutorialBody = `{
       "timestamp": "2023-05-15 14:30:00",
       "model_id": "price_prediction_model",
       "prediction_id": "pred_123456",
       "features": "{\"feature1\": 0.5, \"feature2\": 10.2}",
       "predicted_value": 42.5,
       "actual_value": 45.1,
       "model_version": "v1.2.3",
       "environment": "production"
     }`

func TestTutorialsRequestsWorkAsTheyStand(t *testing.T) {
	server := start(t, httpapi.Options{})

	resp, body := server.do(t, "POST", "/v0/events?name=ml_model_predictions&utm_source=DEV&utm_campaign=tb+create+--prompt+DEV",
		strings.NewReader(tutorialBody), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "Bearer x")
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "{\"successful_rows\":1,\"quarantined_rows\":0}\n", body)

	resp, body = server.do(t, "POST", "/v0/events?name=ml_model_predictions&wait=true", strings.NewReader(tutorialEvents))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "{\"successful_rows\":2,\"quarantined_rows\":0}\n", body)

	resp, _ = server.do(t, "GET", "/v0/pipes/model_performance_metrics.json?token=%24TB_ADMIN_TOKEN&model_id=price_prediction_model&model_version=v1.2.3&environment=production&time_window=48&utm_source=DEV", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "price_prediction_model", server.store.metrics[0].Model)
	require.Equal(t, 48.0, server.store.metrics[0].Window.Hours())
}
