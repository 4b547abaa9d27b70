package clusters_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// history makes up what is sent to a store over months: rows of which some are late and some wait, actuals before and after, corrections,
// withdrawals, rows sent again as they were and changed, bad lines, and deletions.
type history struct {
	*rand.Rand
	generator *workload.Generator
	left      int64
	requests  int64 // rows of a request
	// sent are some of the rows that were sent; next are some that will be.
	sent, next []event.Event
}

// sentKept bounds the rows that are remembered.
const sentKept = 20_000

func newHistory(random *rand.Rand, rows, requests int64, now time.Time) *history {
	options := workload.Options{
		Seed: random.Uint64(), Rows: rows, Models: 24, Versions: 3, Environments: []string{"production", "staging"}, From: now.AddDate(0, 0, -60), To: now,
		LateShare: 0.02, WaitingShare: 0.3, DriftModel: 3,
	}
	return &history{Rand: random, generator: workload.New(options), left: rows, requests: requests}
}

// step is one request or deletion, done to several stores.
type step struct {
	source   string
	lines    []byte
	deletion *engine.Deletion
}

// do does the step to a server, and returns what it said of it.
func (s *step) do(t *testing.T, to *server) string {
	t.Helper()
	if s.deletion != nil {
		done, err := to.store.DeleteRows(t.Context(), *s.deletion)
		require.NoError(t, err, "%+v", *s.deletion)
		return fmt.Sprintf("deleted %d", done.Rows)
	}
	var counts struct {
		Successful int `json:"successful_rows"`
		Rejected   int `json:"quarantined_rows"`
	}
	require.NoError(t, json.Unmarshal([]byte(to.send(t, s.source, s.lines)), &counts))
	return fmt.Sprintf("%+v", counts)
}

// advance returns the next steps; none when the history is over.
func (h *history) advance() []step {
	if len(h.next) == 0 && !h.fill() {
		return nil
	}
	var steps []step
	if h.IntN(3) == 0 {
		steps = append(steps, h.actuals(h.next, 50)) // before their rows
	}
	var lines []byte
	for i := range h.next {
		lines = appendLine(lines, &h.next[i])
		if h.IntN(3000) == 0 {
			lines = append(lines, `{"model_id":"broken"`+"\n"...)
		}
	}
	steps = append(steps, step{source: engine.SourcePredictions, lines: lines})
	h.remember()
	if !h.fill() {
		h.next = nil
	}
	steps = append(steps, h.actuals(h.sent, int(h.requests/4)))
	if h.IntN(3) == 0 {
		steps = append(steps, h.again())
	}
	if h.IntN(8) == 0 {
		steps = append(steps, step{deletion: h.deletion()})
	}
	return steps
}

func (h *history) fill() bool {
	h.next = h.next[:0]
	for int64(len(h.next)) < h.requests {
		var e event.Event
		if !h.generator.Next(&e) {
			break
		}
		h.next = append(h.next, e)
	}
	return len(h.next) > 0
}

func (h *history) remember() {
	for _, e := range h.next {
		if len(h.sent) < sentKept {
			h.sent = append(h.sent, e)
		} else if h.IntN(4) == 0 {
			h.sent[h.IntN(sentKept)] = e
		}
	}
}

// actuals are n of some rows: first ones and corrections, some withdrawn, some of one version or environment, and some that no row has.
func (h *history) actuals(of []event.Event, n int) step {
	var b strings.Builder
	for range n {
		e := of[h.IntN(len(of))]
		value, scope, id := fmt.Sprintf("%.2f", e.PredictedValue*(0.9+0.2*h.Float64())), "", e.PredictionID
		if h.IntN(20) == 0 {
			value = "null"
		}
		switch h.IntN(12) {
		case 0:
			scope += `,"model_version":"` + e.ModelVersion + `"`
		case 1:
			scope += `,"environment":"production"`
		case 2:
			scope += `,"timestamp":"` + e.Timestamp.Add(time.Duration(h.Int64N(int64(48*time.Hour)))).Format("2006-01-02 15:04:05.000") + `"`
		}
		if h.IntN(500) == 0 {
			id = "of no row"
		}
		fmt.Fprintf(&b, `{"model_id":%q,"prediction_id":%q,"actual_value":%s%s}`+"\n", e.ModelID, id, value, scope)
	}
	return step{source: engine.SourceActuals, lines: []byte(b.String())}
}

// sentOnce tells whether rows of a model are not sent again: of one that is the lag may be that of a later actual, as docs/cluster.md says.
func sentOnce(model string) bool { return model[len(model)-1]%2 == 0 }

// again sends rows once more: as they were, with another prediction, without their actual, or for another version.
func (h *history) again() step {
	var lines []byte
	for range h.requests / 4 {
		e := h.sent[h.IntN(len(h.sent))]
		if sentOnce(e.ModelID) {
			continue
		}
		switch h.IntN(4) {
		case 0:
			e.PredictedValue++
		case 1:
			e.HasActual = false
		case 2:
			e.ModelVersion = "v9"
		}
		lines = appendLine(lines, &e)
	}
	return step{source: engine.SourcePredictions, lines: lines}
}

func (h *history) deletion() *engine.Deletion {
	e := h.sent[h.IntN(len(h.sent))]
	switch h.IntN(4) {
	case 0:
		d := engine.Deletion{Models: []string{e.ModelID}}
		for range 20 {
			d.IDs = append(d.IDs, h.sent[h.IntN(len(h.sent))].PredictionID)
		}
		return &d
	case 1:
		return &engine.Deletion{Models: []string{e.ModelID}, Versions: []string{e.ModelVersion}, From: e.Timestamp, To: e.Timestamp.Add(12 * time.Hour)}
	case 2:
		return &engine.Deletion{Environments: []string{"staging"}, From: e.Timestamp.Add(-time.Hour), To: e.Timestamp.Add(time.Hour)}
	}
	return &engine.Deletion{Models: []string{e.ModelID}, To: e.Timestamp.AddDate(0, 0, -30)}
}

func appendLine(dst []byte, e *event.Event) []byte {
	actual := ""
	if e.HasActual {
		actual = fmt.Sprintf(`,"actual_value":%v`, e.ActualValue)
	}
	return fmt.Appendf(dst, `{"timestamp":%q,"model_id":%q,"prediction_id":%q,"features":%q,"predicted_value":%v%s,"model_version":%q,"environment":%q}`+"\n",
		e.Timestamp.UTC().Format("2006-01-02 15:04:05.000"), e.ModelID, e.PredictionID, e.Features, e.PredictedValue, actual, e.ModelVersion, e.Environment)
}
