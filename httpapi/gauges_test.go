package httpapi_test

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/patience"
)

// modelSamples are those of /metrics that have a model_id, without the prefix that all share.
func modelSamples(samples map[string]float64) map[string]float64 {
	of := map[string]float64{}
	for name, value := range samples {
		if short, ok := strings.CutPrefix(name, "residual_model_"); ok && strings.Contains(name, "model_id=") {
			of[short] = value
		}
	}
	return of
}

func TestModelGauges(t *testing.T) {
	server := start(t, httpapi.Options{ModelGaugesEnvironments: "prod*", ModelGaugesFor: time.Hour})
	of := func(labels string) map[string]float64 {
		_, more, _ := strings.Cut(labels, "}")
		require.Empty(t, more)
		kept := map[string]float64{}
		for name, value := range modelSamples(scrape(t, server)) {
			if family, found := strings.CutSuffix(name, labels); found {
				kept[family] = value
			} else if family, status, found := strings.Cut(name, strings.TrimSuffix(labels, "}")+",status="); found {
				kept[family+" "+status] = value
			}
		}
		return kept
	}
	require.Equal(t, map[string]float64{
		"last_prediction_timestamp_seconds": float64(now.Unix()) - 1.5,
		"predictions":                       12345678901234567890,
		"actuals":                           100,
		"coverage":                          0.5,
		"versions_without_actuals":          2,
		"rmse":                              2.6000000000000014,
		"mae":                               math.Inf(1), // beyond float64
		"recent_actuals":                    100,
		"reference_actuals":                 400,
		"drift":                             0.25,
		"drift_z":                           3.5,
		`status "drift"}`:                   1,
		`status "warning"}`:                 0,
		`status "ok"}`:                      0,
		`status "insufficient_data"}`:       0,
		`status "no_reference"}`:            0,
	}, of(`{model_id="price_prediction_model",environment="production"}`))
	require.Equal(t, map[string]float64{
		"last_prediction_timestamp_seconds": float64(now.Add(-25 * time.Hour).Unix()),
		"predictions":                       0,
		"actuals":                           0,
		"versions_without_actuals":          0,
		"recent_actuals":                    100,
		"reference_actuals":                 0,
		`status "drift"}`:                   0,
		`status "warning"}`:                 0,
		`status "ok"}`:                      0,
		`status "insufficient_data"}`:       0,
		`status "no_reference"}`:            1,
	}, of(`{model_id="quote\" back\\ tab	 é",environment="prod,\"x\""}`), "what is not known has no sample")
	asked := engine.GaugesQuery{Environments: "prod*", For: time.Hour, Max: 500}
	require.Equal(t, asked, server.store.reports[0])
}

func TestModelGaugesAreCapped(t *testing.T) {
	samples := scrape(t, start(t, httpapi.Options{ModelGaugesMax: 1}))
	require.InDelta(t, 8, samples["residual_model_gauges_left_out"], 0)
	require.InDelta(t, 1, samples["residual_model_gauges_max"], 0)
	require.Contains(t, samples, `residual_model_rmse{model_id="price_prediction_model",environment="production"}`)
	require.Len(t, modelSamples(samples), 25, "of one model")

	server := start(t, httpapi.Options{NoModelGauges: true})
	for name := range scrape(t, server) {
		require.NotContains(t, name, "residual_model_")
	}
	require.Empty(t, server.store.reports)
}

// TestScrapesTakeTurns holds one scrape in the store: another one does not come to it, and is answered without gauges when
// its time is over.
func TestScrapesTakeTurns(t *testing.T) {
	patience.Try(t, 10*time.Millisecond, func(limit time.Duration) (enough bool) {
		server := start(t, httpapi.Options{Limits: httpapi.Limits{QueryTimeout: limit}})
		server.store.hold("query")
		first := make(chan string, 1)
		go func() {
			var body []byte
			if resp, err := http.Get(server.url("/metrics")); err == nil { //nolint:noctx // the store holds it
				body, _ = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			first <- string(body)
		}()
		select {
		case <-server.store.entered:
		case body := <-first:
			require.Contains(t, body, "residual_ready")
			return false
		}
		require.Empty(t, modelSamples(scrape(t, server)))
		server.store.change(func(f *fakeStore) { f.held = "" })
		close(server.store.gate)
		require.NotEmpty(t, modelSamples(parseExposition(t, <-first)))
		return len(modelSamples(scrape(t, server))) > 0
	})
}

// TestModelGaugesFail has a store without an answer: the rest of /metrics is there, and says so.
func TestModelGaugesFail(t *testing.T) {
	server := start(t, httpapi.Options{})
	require.InDelta(t, 0, scrape(t, server)["residual_model_gauges_failures_total"], 0)
	server.store.change(func(f *fakeStore) { f.queryErr = errors.New("too late") })
	samples := scrape(t, server)
	require.InDelta(t, 1, samples["residual_model_gauges_failures_total"], 0)
	require.Empty(t, modelSamples(samples))
	require.InDelta(t, 1, samples["residual_ready"], 0)
}
