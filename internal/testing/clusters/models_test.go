package clusters_test

import (
	"flag"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
	"github.com/residualdb/residual/internal/workload"
)

var (
	measuredModels = flag.Int("cluster.models", 0, "models of TestMeasureModels, which asks about all of -cluster.rows rows at once; 0 leaves it out")
	measuredForms  = flag.String("cluster.forms", "", "the forms that TestMeasureModels asks in, with spaces between them; empty for all of them")
)

// modelsForms are the ways in which lists of all models are asked for.
var modelsForms = []string{
	"order=attention&totals=true&limit=50",
	"columns=model_id",
	"live=true",
	"details=true&limit=100",
	"details=true",
	"reference=seasonal:1",
	"reference=version:previous",
	"recent_min_actuals=30",
	"recent_min_actuals=30&reference=seasonal:1&historical_window_hours=336",
	"recent_min_actuals=30&reference=version:previous&offset=3",
	"group_by=model_id",
	"group_by=model_id&recent_min_actuals=30",
	"group_by=environment&reference=seasonal:1",
	"group_by=&recent_min_actuals=500",
	"model_version=latest",
	"model_version=v2",
	"as_of=2026-01-13+05:06:07&recent_window_hours=24",
}

// TestMeasureModels asks a cluster of two shards for lists of all of many models, and prints how long that takes and how many statements it is.
func TestMeasureModels(t *testing.T) {
	if *measuredModels == 0 {
		t.Skip("without -cluster.models there is nothing to measure")
	}
	config, at := manyModels(t)
	s := serve(t, openStore(t, config), storetest.Now)
	forms := modelsForms
	if *measuredForms != "" {
		forms = strings.Fields(*measuredForms)
	}
	for _, form := range forms {
		before := statements(t, at)
		begin := time.Now()
		status, body := s.ask(t, "/v0/pipes/models.json?"+form)
		took := time.Since(begin)
		require.Equal(t, http.StatusOK, status, "%s: %.300s", form, body)
		t.Logf("%7.0f ms, %4d statements, %8d bytes: %s", millis(took), statements(t, at)-before, len(body), form)
	}
}

// manyModels returns a store with many rows of many models, with actuals that come with them and apart, corrections and repetitions, and the nodes
// that it is on.
func manyModels(t *testing.T) (clickhouse.Config, []*nodes.Node) {
	t.Helper()
	c := nodes.Start(t, nodes.Options{Shards: 2, MemoryBytes: 4 << 30})
	config := makeTables(t, c, clickhouse.Options{Now: storetest.Now, BatchWait: 10 * time.Millisecond})
	loadManyModels(t, serve(t, openStore(t, config), storetest.Now))
	return config, c.Nodes
}

// loadManyModels sends the rows, in the order of time.
func loadManyModels(t *testing.T, s *server) {
	t.Helper()
	const request = 50_000
	now := storetest.Now()
	h := newHistory(random.Rand(t), *measuredRows, request, now)
	h.generator = workload.New(workload.Options{
		Rows: *measuredRows, Models: *measuredModels, Versions: 2, Environments: []string{"production"}, From: now.AddDate(0, 0, -60), To: now,
		LateShare: 0.02, WaitingShare: 0.3, DriftModel: 3,
	})
	begin := time.Now()
	for todo := h.advance(); todo != nil; todo = h.advance() {
		for i := range todo {
			if todo[i].deletion == nil {
				todo[i].do(t, s)
			}
		}
	}
	t.Logf("%d rows of %d models in %s", *measuredRows, *measuredModels, time.Since(begin).Round(time.Second))
}

// statements is how many questions the nodes were asked so far.
func statements(t *testing.T, at []*nodes.Node) (count int) {
	t.Helper()
	for _, n := range at {
		answer, err := strconv.Atoi(n.Query(t, "SELECT sum(value) FROM system.events WHERE event = 'SelectQuery'"))
		require.NoError(t, err)
		count += answer
	}
	return count
}
