package engine

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/residualdb/residual/event"
)

// OrphansMax bounds the actuals that wait for their prediction, at about 200 bytes of memory each. The oldest ones
// beyond it go to the quarantine before their time.
const OrphansMax = 1_000_000

// orphan is an actual whose prediction has not come.
type orphan struct {
	model, id string
	actual    float64
	// observed is when the actual was seen, 0 if its sender did not say; received when it came. Unix milliseconds.
	observed, received int64
	lsn                uint64
	line               int
}

// seen is when the actual was observed, as far as is known.
func (x *orphan) seen() int64 { return orDefault(x.observed, x.received) }

// orphanKey is (model, prediction id) by hash.
type orphanKey struct{ model, id uint64 }

// orphans holds actuals by the prediction they wait for. The publisher owns it.
type orphans struct {
	held map[orphanKey]orphan
	// order holds the keys as they came, with the time, which tells a key that came again.
	order   []orphanArrival
	changed bool
}

type orphanArrival struct {
	key      orphanKey
	received int64
	lsn      uint64
}

func newOrphans() *orphans { return &orphans{held: make(map[orphanKey]orphan)} }

// add keeps an actual; a later one for the same prediction takes the place of an earlier one.
func (o *orphans) add(key orphanKey, x orphan) {
	o.held[key] = x
	o.order = append(o.order, orphanArrival{key, x.received, x.lsn})
	o.changed = true
}

// take removes and returns the actual of a prediction that came.
func (o *orphans) take(key orphanKey) (orphan, bool) {
	x, ok := o.held[key]
	if ok {
		delete(o.held, key)
		o.changed = true
	}
	return x, ok
}

// expire removes and returns the actuals received before oldest, and the oldest ones beyond OrphansMax.
func (o *orphans) expire(oldest int64) (expired []orphan) {
	n := 0
	for ; n < len(o.order) && (len(o.held) > OrphansMax || o.order[n].received < oldest); n++ {
		a := o.order[n]
		if x, ok := o.held[a.key]; ok && x.lsn == a.lsn {
			expired = append(expired, x)
			delete(o.held, a.key)
			o.changed = true
		}
	}
	o.order = o.order[n:]
	if len(o.order) > 2*len(o.held)+1024 {
		o.order = slices.DeleteFunc(slices.Clone(o.order), func(a orphanArrival) bool {
			x, ok := o.held[a.key]
			return !ok || x.lsn != a.lsn
		})
	}
	return expired
}

// snapshot returns the actuals in the order they came.
func (o *orphans) snapshot() []orphan {
	all := slices.AppendSeq(make([]orphan, 0, len(o.held)), maps.Values(o.held))
	slices.SortFunc(all, func(a, b orphan) int { return cmp.Or(cmp.Compare(a.lsn, b.lsn), cmp.Compare(a.line, b.line)) })
	return all
}

// reject is the quarantined form of an orphan that expired.
func (x *orphan) reject(now int64) QuarantineRow {
	return quarantineRow(SourceActuals, x.lsn, now, &event.Reject{
		Column: "prediction_id", Code: event.CodeOrphan,
		Reason: "no prediction of this model_id and prediction_id came in time", Raw: x.text(),
	})
}

// text returns the row as the line it could have come in: sent again, it becomes what it was.
func (x *orphan) text() []byte {
	var observed string
	if x.observed != 0 {
		observed = time.UnixMilli(x.observed).UTC().Format("2006-01-02 15:04:05.000")
	}
	line, err := json.Marshal(struct {
		Timestamp string  `json:"timestamp,omitempty"`
		Model     string  `json:"model_id"`
		ID        string  `json:"prediction_id"`
		Actual    float64 `json:"actual_value"`
	}{observed, x.model, x.id, x.actual})
	if err != nil {
		panic("BUG: an orphan that is no JSON: " + err.Error())
	}
	return line
}
