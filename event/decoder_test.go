package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// decode returns what a fresh Decoder makes of a body.
func decode(t *testing.T, body string, format event.Format, rules event.Rules) *event.Batch {
	t.Helper()
	var b event.Batch
	require.NoError(t, event.NewDecoder().Decode(&b, []byte(body), format, rules))
	return &b
}

func TestTutorial(t *testing.T) {
	first := event.Event{
		Timestamp: time.Date(2025, 4, 26, 17, 55, 44, 0, time.UTC), ModelID: "model_5", PredictionID: "pred_2704",
		Features:       `{"feature1":10,"feature2":41,"feature3":21}`,
		PredictedValue: 17456627040, ActualValue: 17456627040, HasActual: true,
		ModelVersion: "v5.4", Environment: "production",
	}
	second := event.Event{
		Timestamp: time.Date(2025, 4, 24, 13, 55, 44, 0, time.UTC), ModelID: "model_2", PredictionID: "pred_1316",
		Features:       `{"feature1":72,"feature2":34,"feature3":5}`,
		PredictedValue: 32959113160, ActualValue: 32959113160, HasActual: true,
		ModelVersion: "v2.6", Environment: "staging",
	}
	b := decode(t, workload.TutorialLines, event.NDJSON, event.Rules{})
	require.Empty(t, b.Rejects)
	require.Equal(t, 2, b.Len())
	require.Equal(t, first, b.Event(0))
	require.Equal(t, second, b.Event(1))

	curl := event.Event{
		Timestamp: time.Date(2023, 5, 15, 14, 30, 0, 0, time.UTC), ModelID: "price_prediction_model",
		PredictionID: "pred_123456", Features: `{"feature1": 0.5, "feature2": 10.2}`,
		PredictedValue: 42.5, ActualValue: 45.1, HasActual: true,
		ModelVersion: "v1.2.3", Environment: "production",
	}
	for _, format := range []event.Format{event.NDJSON, event.JSON} {
		b := decode(t, workload.TutorialBody, format, event.Rules{})
		require.Empty(t, b.Rejects)
		require.Equal(t, 1, b.Len())
		require.Equal(t, curl, b.Event(0))
	}
}

// line returns an event with one member replaced; an empty value drops it.
func line(key, value string) string {
	var sb strings.Builder
	for _, m := range [][2]string{
		{"timestamp", `"2026-08-01 12:34:56.789"`},
		{"model_id", `"model_5"`},
		{"prediction_id", `"pred_002704"`},
		{"features", `"{\"feature1\":10}"`},
		{"predicted_value", `17456.27`},
		{"actual_value", `17460.11`},
		{"model_version", `"v5.4"`},
		{"environment", `"production"`},
	} {
		if m[0] == key {
			m[1] = value
		}
		if m[1] != "" {
			sb.WriteString(`,"` + m[0] + `":` + m[1])
		}
	}
	return "{" + sb.String()[1:] + "}"
}
