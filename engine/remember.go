package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/event"
)

// Actuals are remembered for rows still to come, see package actuals. The publisher owns their memory.

// expiredMax bounds the actuals that one record makes expire: all of a million at once would keep every request waiting
// for a second.
const expiredMax = 1024

// forgetActuals gives up actuals whose time is over, and those for which there is no room. Every record does it, by
// its own time, so that a replay comes to the same, but for which of the oldest go where records of several models were
// under way at a time.
func (p *publisher) forgetActuals(now clock.Moment) {
	memory := p.db.actuals
	memory.Expire(now.Past()-p.db.opts.ActualsTTL.Milliseconds(), expiredMax, func(a *actuals.Actual) {
		p.quarantineActual(a, now.Wall, "no prediction of this model_id and prediction_id came in time")
	})
	p.shrinkActuals(now)
	p.countActuals()
}

// shrinkActuals gives up actuals for which there is no room.
func (p *publisher) shrinkActuals(now clock.Moment) {
	forgotten := p.db.actuals.Shrink(p.db.opts.ActualsBytes, p.evict(now.Wall))
	p.db.counters.actualsForgotten.Add(uint64(forgotten))
}

// countActuals sets the gauges of what is remembered.
func (p *publisher) countActuals() {
	all, unmet := p.db.actuals.Len()
	p.db.counters.actualsHeld.Store(int64(all))
	p.db.counters.orphans.Store(uint64(unmet))
	p.db.counters.actualsBytes.Store(p.db.actuals.Bytes())
}

// evict returns what becomes of an actual without a prediction for which there is no room.
func (p *publisher) evict(now int64) func(*actuals.Actual) {
	return func(a *actuals.Actual) {
		p.db.counters.actualsEvicted.Add(1)
		p.quarantineActual(a, now, fmt.Sprintf("no prediction of this model_id and prediction_id has come, and the %d bytes "+
			"for such actuals are full of newer ones; send it again behind its prediction", p.db.opts.ActualsBytes))
	}
}

func (p *publisher) quarantineActual(a *actuals.Actual, now int64, reason string) {
	p.db.counters.quarantined[event.CodeOrphan].Add(1)
	p.db.quarantine.addRow(quarantineRow(SourceActuals, a.LSN, now, &event.Reject{
		Column: "prediction_id", Code: event.CodeOrphan, Reason: reason, Raw: actualLine(a),
	}))
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

// hashOf is the hash of a model and a prediction id by which actuals are remembered.
func (db *DB) hashOf(model, id []byte) uint64 { return db.hash(model)*0x9E3779B97F4A7C15 ^ db.hash(id) }
