package clusters_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

// answer is what a server said to a request.
type answer struct {
	status     int
	retryAfter string
	body       string
	took       time.Duration
}

func request(t *testing.T, method, url, body string) answer {
	t.Helper()
	return requestOnce(t, method, url, "", body)
}

// requestOnce is request under an idempotency key.
func requestOnce(t *testing.T, method, url, key, body string) answer {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body)) //nolint:noctx // the client has a timeout
	require.NoError(t, err)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	begin := time.Now()
	response, err := (&http.Client{Timeout: 2 * time.Minute}).Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	a := answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	a.body = read(t, response, 0)
	a.took = time.Since(begin)
	return a
}

// line is a row of a model.
func line(model, id string) string {
	return fmt.Sprintf(`{"timestamp":"2026-01-15 11:00:00","model_id":"%s","model_version":"v1","environment":"production","prediction_id":"%s","features":"{}","predicted_value":10,"actual_value":8}`+"\n", model, id)
}

func (p *process) post(t *testing.T, lines string) answer {
	t.Helper()
	return request(t, http.MethodPost, p.url+"/v0/events?wait=true&name=ml_model_predictions", lines)
}

func (p *process) postOnce(t *testing.T, key, lines string) answer {
	t.Helper()
	return requestOnce(t, http.MethodPost, p.url+"/v0/events?wait=true&name=ml_model_predictions", key, lines)
}

func (p *process) metrics(t *testing.T, models string) answer {
	t.Helper()
	return request(t, http.MethodGet, p.url+"/v0/pipes/model_performance_metrics.csv?model_version=*&from=2026-01-01+00:00:00&model_id="+models, "")
}

// requireComeAgain holds a refusal to what it owes a client: the status, when to come again, and which part of the cluster it is about.
func requireComeAgain(t *testing.T, a answer, about ...string) {
	t.Helper()
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	seconds, err := strconv.Atoi(a.retryAfter)
	require.NoError(t, err, "Retry-After")
	require.Positive(t, seconds)
	for _, text := range about {
		require.Contains(t, a.body, text)
	}
	require.NotContains(t, a.body, "DB::Exception", "an answer has no text of the database")
}

// eventually asks again until the answer is as it should be.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			require.FailNow(t, what)
		}
	}
}

// modelsByShard sends a row of each of some models, and returns one model of each shard.
func modelsByShard(t *testing.T, c *nodes.Cluster, s *process) []string {
	t.Helper()
	for i := range 12 {
		require.Equal(t, http.StatusOK, s.post(t, line(fmt.Sprint("m", i), "a")).status)
	}
	var models []string
	for _, n := range c.Nodes {
		models = append(models, n.Query(t, "SELECT min(model_id) FROM residual.predictions"))
	}
	require.NotContains(t, models, "")
	return models
}

// TestShardAway takes the network to a shard away, and then the shard: its models are refused, others go on, and a question about all says
// what is missing.
func TestShardAway(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2, Links: true})
	binary := build(t)
	s := startServer(t, binary, makeWith(t, binary, c))
	models := modelsByShard(t, c, s)
	away := c.Nodes[1]
	for name, fail := range map[string]func(away bool){
		"network": away.Link.Down,
		"node": func(gone bool) {
			if gone {
				away.Kill(t)
			} else {
				away.Start(t)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, http.StatusOK, s.postOnce(t, name, line(models[0], "key")).status)
			fail(true)
			requireComeAgain(t, s.post(t, line(models[1], "b")), "shard 2")
			require.Equal(t, http.StatusOK, s.post(t, line(models[0], name)).status)
			require.Equal(t, http.StatusOK, s.metrics(t, models[0]).status)
			requireComeAgain(t, s.metrics(t, models[1]), "shard 2")
			requireComeAgain(t, s.metrics(t, "*"), "shard 2")
			requireComeAgain(t, request(t, http.MethodGet, s.url+"/v0/pipes/models.json", ""), "shard 2")
			require.Equal(t, http.StatusOK, s.postOnce(t, name, line(models[0], "key")).status)
			require.Equal(t, http.StatusUnprocessableEntity, s.postOnce(t, name, line(models[0], "another")).status, "the key was of another body")
			both := s.post(t, line(models[0], "both")+line(models[1], "both"))
			requireComeAgain(t, both, "shard 2")
			require.Less(t, both.took, 40*time.Second)
			require.Contains(t, request(t, http.MethodGet, s.url+"/health", "").body, "shard 2")
			fail(false)
			eventually(t, "the shard is back and not used", func() bool { return s.post(t, line(models[1], "b")).status == http.StatusOK })
			require.Equal(t, http.StatusOK, s.metrics(t, "*").status)
			eventually(t, "the shard is back and health does not say so", func() bool { return !strings.Contains(request(t, http.MethodGet, s.url+"/health", "").body, "shard 2") })
		})
	}
}
