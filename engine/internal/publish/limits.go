package publish

import (
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
)

// Limits bound what clients make by naming it: the models of the store, the series of one model, and the months of all
// models.
type Limits struct{ Models, Series, Months int }

// WithinLimits returns the batch without the rows that need a new model, series or month beyond the limits; they are among
// its rejects. The log gets what it returns, so that a replay refuses nothing. current is the month that it is now. It may
// be called at any time: what batches bring that are under way at once may together be beyond.
func (p *Publisher) WithinLimits(b *event.Batch, limits Limits, current base.MonthNumber) *event.Batch {
	c := &p.Cardinality
	rows, series := int64(b.Len()), int64(len(b.Series))
	months := c.Months.Load()+rows > int64(limits.Months)
	if !months && c.Models.Load()+series <= int64(limits.Models) && c.SeriesMost.Load()+series <= int64(limits.Series) {
		return b // whatever is new in it has its place
	}
	a := admission{
		publisher: p, limits: limits, room: limits.Models - int(c.Models.Load()), models: make(map[string]*modelAdmission),
	}
	ofSeries := make([]event.Code, len(b.Series))
	for i, name := range b.Series {
		ofSeries[i] = a.series(name)
	}
	refused := false
	codes := make([]event.Code, b.Len())
	for row, s := range b.SeriesOf {
		codes[row] = ofSeries[s]
		refused = refused || codes[row] != event.CodeNone
	}
	if months {
		refused = a.months(b, codes, current) || refused
	}
	if !refused {
		return b
	}
	return b.Refuse(codes)
}

// admission admits the new names of one batch while there is room, in the order of their first rows.
type admission struct {
	publisher *Publisher
	limits    Limits
	// room is for how many models more there is room.
	room   int
	models map[string]*modelAdmission
}

// modelAdmission is what a batch may do with a model, which is nil if it is new.
type modelAdmission struct {
	model *catalog.Model
	// room is for how many series more there is room.
	room   int
	months map[base.MonthNumber]bool
}

// model returns nil if there is no room for the model.
func (a *admission) model(name string) *modelAdmission {
	of, ok := a.models[name]
	if ok {
		return of
	}
	if m, ok := a.publisher.env.Models.Load(name); ok {
		m.Mu.RLock()
		of = &modelAdmission{model: m, room: a.limits.Series - len(m.Series)}
		m.Mu.RUnlock()
	} else if a.room > 0 {
		a.room--
		of = &modelAdmission{room: a.limits.Series}
	}
	a.models[name] = of
	return of
}

func (a *admission) series(name event.Series) event.Code {
	of := a.model(name.Model)
	if of == nil {
		return event.CodeTooManyModels
	}
	if of.hasSeries(catalog.SeriesName{Version: name.Version, Environment: name.Environment}) {
		return event.CodeNone
	}
	if of.room <= 0 {
		return event.CodeTooManySeries
	}
	of.room--
	return event.CodeNone
}

func (a *modelAdmission) hasSeries(name catalog.SeriesName) bool {
	if a.model == nil {
		return false
	}
	a.model.Mu.RLock()
	defer a.model.Mu.RUnlock()
	_, ok := a.model.Numbers.Get(name)
	return ok
}

func (a *modelAdmission) hasMonth(number base.MonthNumber) bool {
	if a.model == nil {
		return false
	}
	a.model.Mu.RLock()
	defer a.model.Mu.RUnlock()
	_, ok := a.model.FindMonth(number)
	return ok
}

// months refuses rows that are not refused yet and need a month of the past for which there is no room. The current month
// and what follows always have room: else a client that fills up the past would stop every model when a month begins.
func (a *admission) months(b *event.Batch, codes []event.Code, current base.MonthNumber) (refused bool) {
	room := int64(a.limits.Months) - a.publisher.Cardinality.Months.Load()
	var days base.Calendar
	for row, ts := range b.Timestamps {
		number := days.Of(ts)
		if codes[row] != event.CodeNone || number >= current {
			continue
		}
		of := a.models[b.Series[b.SeriesOf[row]].Model]
		has, known := of.months[number]
		if !known {
			has = of.hasMonth(number)
			if !has && room > 0 {
				room--
				has = true
			}
			if of.months == nil {
				of.months = make(map[base.MonthNumber]bool)
			}
			of.months[number] = has
		}
		if !has {
			codes[row], refused = event.CodeTooManyMonths, true
		}
	}
	return refused
}
