package publish

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// expiredMax bounds the actuals that one record makes expire: all of a million at once would keep every request waiting
// for a second.
const expiredMax = 1024

// forgetActuals gives up remembered actuals whose time is over, and those for which there is no room. Every record does it,
// by its own time, so that a replay comes to the same, but for which of the oldest go where records of several models were
// under way at a time.
func (p *Publisher) forgetActuals(now clock.Moment) {
	p.actuals.Expire(now.Past()-p.env.ActualsTTL.Milliseconds(), expiredMax, func(a *actuals.Actual) {
		p.quarantineActual(a, now.Wall, "no prediction of this model_id and prediction_id came in time")
	})
	p.shrinkActuals(now)
	p.countActuals()
}

// shrinkActuals gives up remembered actuals for which there is no room.
func (p *Publisher) shrinkActuals(now clock.Moment) {
	forgotten := p.actuals.Shrink(p.env.ActualsBytes, p.evict(now.Wall))
	p.Counters.Forgotten.Add(uint64(forgotten))
}

// countActuals sets the gauges of what is remembered.
func (p *Publisher) countActuals() {
	all, unmet := p.actuals.Len()
	p.Counters.Remembered.Store(int64(all))
	p.Counters.Unmet.Store(int64(unmet))
	p.Counters.RememberedBytes.Store(p.actuals.Bytes())
}

// RestoreActual remembers an actual that a checkpoint has. Recovery calls it.
func (p *Publisher) RestoreActual(a *actuals.Actual) {
	p.actuals.Put(p.hashOf(a.Model, a.ID), a, func(*actuals.Actual) {})
	p.countActuals()
}

// Remembered returns the actuals that are remembered.
func (p *Publisher) Remembered() *actuals.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.actuals.Snapshot()
}

// evict returns what becomes of an actual without a prediction for which there is no room.
func (p *Publisher) evict(now int64) func(*actuals.Actual) {
	return func(a *actuals.Actual) {
		p.Counters.Evicted.Add(1)
		p.quarantineActual(a, now, fmt.Sprintf("no prediction of this model_id and prediction_id has come, and the %d bytes "+
			"for such actuals are full of newer ones; send it again behind its prediction", p.env.ActualsBytes))
	}
}

func (p *Publisher) quarantineActual(a *actuals.Actual, now int64, reason string) {
	p.Counters.Quarantined[event.CodeOrphan].Add(1)
	p.env.Quarantine(a.LSN, now, record.SourceActuals, []event.Reject{{
		Column: "prediction_id", Code: event.CodeOrphan, Reason: reason, Raw: actualLine(a),
	}}, 1)
}

// actualLine returns an actual as the line it could have come in: sent again, it becomes what it was.
func actualLine(a *actuals.Actual) []byte {
	var observed string
	if a.Observed != 0 {
		observed = time.UnixMilli(a.Observed).UTC().Format("2006-01-02 15:04:05.000")
	}
	line, err := json.Marshal(struct {
		Timestamp   string  `json:"timestamp,omitempty"`
		Model       string  `json:"model_id"`
		ID          string  `json:"prediction_id"`
		Version     string  `json:"model_version,omitempty"`
		Environment string  `json:"environment,omitempty"`
		Actual      float64 `json:"actual_value"`
	}{observed, string(a.Model), string(a.ID), string(a.Version), string(a.Environment), a.Value})
	if err != nil {
		panic("BUG: an actual that is no JSON: " + err.Error())
	}
	return line
}
