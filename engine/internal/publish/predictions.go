package publish

import (
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/event"
)

// runMax bounds the rows that are published under one hold of a model's lock, so that a query never waits longer than
// these take (about 50 us).
const runMax = 512

// run is a run of rows of an ordered batch, [from, to), that are of one series and month.
type run struct {
	name     *event.Series
	model    *catalog.Model
	number   base.MonthNumber
	from, to int

	// Set and used under the model's lock: the month and the model's number of the series, and a time that no row of the
	// series there is later than.
	month  *catalog.Month
	series uint32
	last   int64
}

// publishBatch publishes predictions, series by series.
func (p *Publisher) publishBatch(x *Publication) (over bool, err error) {
	series, o := x.record.Batch.Series, x.ordered
	for ; x.group < len(series); x.group++ {
		r := run{name: &series[x.group], model: p.Model(series[x.group].Model)}
		for end := int(o.Starts[x.group+1]); x.row < end; {
			p.nextRun(&r, o, x.row, end)
			if err := p.publishRun(x, &r); err != nil {
				return false, err
			}
			x.row = r.to
			if p.slice.spent(r.to - r.from + p.changer.TakeWork()) {
				return x.row == o.Len(), nil
			}
		}
	}
	return true, nil
}

// nextRun makes r the first of the rows [from, to) of its series, which are in the order of time, that are of one month and
// fit one hold of the lock.
func (p *Publisher) nextRun(r *run, o *head.Batch, from, to int) {
	r.number = p.calendar.Of(o.Times[from])
	r.from, r.to = from, min(to, from+runMax)
	if p.calendar.Of(o.Times[r.to-1]) == r.number {
		return
	}
	for r.to = from + 1; p.calendar.Of(o.Times[r.to]) == r.number; {
		r.to++
	}
}

// publishRun publishes a run. Rows that are later than all of the series in the month are new; of the others, those that
// are stored already give the stored row their values.
func (p *Publisher) publishRun(x *Publication, r *run) error {
	o, m := x.ordered, r.model
	m.LockToChange()
	defer m.Mu.Unlock()
	r.series = m.Number(catalog.SeriesName{Version: r.name.Version, Environment: r.name.Environment}, o.Times[r.from])
	r.month = m.Month(r.number)
	r.last = r.month.LastTime(r.series)
	known := r.from
	for !o.Keep && known < r.to && o.Times[known] <= r.last {
		known++
	}
	var stored []bool // of the rows up to known
	if known > r.from {
		var err error
		if stored, err = p.replace(x, r, known); err != nil {
			return err
		}
	}
	for i := r.from; i < r.to; {
		if i < known && stored[i-r.from] {
			i++
			continue
		}
		end := i + 1
		for end < r.to && (end >= known || !stored[end-r.from]) {
			end++
		}
		p.recall(o, r.name, i, end)
		p.addRows(x, r, i, end)
		i = end
	}
	return nil
}

// replace gives the values of those of the first rows of a run, up to to, that are stored already to the stored rows,
// and tells of each whether it is.
func (p *Publisher) replace(x *Publication, r *run, to int) ([]bool, error) {
	stored, edits, err := p.changer.Replace(r.month, catalog.BatchRows{Batch: x.ordered, Series: r.series, From: r.from, To: to})
	if err != nil {
		return nil, err
	}
	for _, is := range stored {
		if is {
			x.replaced++
		}
	}
	x.bytes += edits.Bytes
	if edits.Sealed {
		p.noteEdited(r.model, r.month)
	}
	return stored, nil
}

// recall gives the rows [from, to) of o, which are new, the actuals that came before them.
func (p *Publisher) recall(o *head.Batch, name *event.Series, from, to int) {
	if all, _ := p.actuals.Len(); all == 0 {
		return
	}
	model := []byte(name.Model)
	for i := from; i < to; i++ {
		if o.Known[i] {
			continue
		}
		id := o.ID(i)
		a, first, ok := p.actuals.Recall(p.hashOf(model, id), model, id, name.Version, name.Environment)
		if !ok {
			continue
		}
		if first {
			p.Counters.Applied[catalog.Joined].Add(1)
		}
		o.SetActual(i, a.Value, max(base.OrDefault(a.Observed, a.Received)-o.Times[i], 0))
	}
}

// addRows adds the rows [from, to) of a run to the month's head.
func (p *Publisher) addRows(x *Publication, r *run, from, to int) {
	o, mo := x.ordered, r.month
	place := catalog.ModelMonth{Model: r.model, Month: mo}
	if mo.Head == nil || mo.Head.Epoch != p.epoch {
		p.dirty = append(p.dirty, place)
	}
	h := mo.Writable(p.epoch, p.staging)
	x.bytes += h.Add(h.Of(r.series, r.last), o, from, to)
	if h.Full() {
		mo.Freeze()
		p.env.HeadFull(place)
	}
}

// endBatch counts the rows of a batch.
func (p *Publisher) endBatch(x *Publication) {
	p.Counters.Unsealed.Add(x.bytes + x.ordered.SharedBytes())
	p.Counters.Rows.Add(uint64(x.record.Batch.Len()))
}
