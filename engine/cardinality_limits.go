package engine

import (
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
)

// withinCaps returns the batch without the rows that need a new model, series or month beyond the bounds of the options; they
// are among its rejects. The log gets what it returns, so that replay refuses nothing.
func (db *DB) withinCaps(b *event.Batch) *event.Batch {
	c, o := &db.cardinality, &db.opts
	rows, series := int64(b.Len()), int64(len(b.Series))
	months := c.Months.Load()+rows > int64(o.MonthsMax)
	if !months && c.Models.Load()+series <= int64(o.ModelsMax) && c.SeriesMost.Load()+series <= int64(o.SeriesMax) {
		return b // whatever is new in it has its place
	}
	g := capGate{db: db, room: o.ModelsMax - int(c.Models.Load()), admitted: make(map[string]*admission)}
	ofSeries := make([]event.Code, len(b.Series))
	for i, name := range b.Series {
		ofSeries[i] = g.series(name)
	}
	refused := false
	codes := make([]event.Code, b.Len())
	for row, s := range b.SeriesOf {
		codes[row] = ofSeries[s]
		refused = refused || codes[row] != event.CodeNone
	}
	if months {
		refused = g.months(b, codes) || refused
	}
	if !refused {
		return b
	}
	return b.Refuse(codes)
}

// capGate admits the new names of one batch while there is room, in the order of their first rows.
type capGate struct {
	db *DB
	// room is for how many models more there is room.
	room     int
	admitted map[string]*admission
}

// admission is what a batch may do with a model. The model is nil if it is new.
type admission struct {
	model *catalog.Model
	// room is for how many series more there is room.
	room   int
	months map[base.MonthNumber]bool
}

// model returns nil if there is no room for the model.
func (g *capGate) model(id string) *admission {
	a, ok := g.admitted[id]
	if ok {
		return a
	}
	if m, ok := g.db.models.Load(id); ok {
		m.Mu.RLock()
		a = &admission{model: m, room: g.db.opts.SeriesMax - len(m.Series)}
		m.Mu.RUnlock()
	} else if g.room > 0 {
		g.room--
		a = &admission{room: g.db.opts.SeriesMax}
	}
	g.admitted[id] = a
	return a
}

func (g *capGate) series(name event.Series) event.Code {
	a := g.model(name.Model)
	if a == nil {
		return event.CodeTooManyModels
	}
	if a.hasSeries(catalog.SeriesName{Version: name.Version, Environment: name.Environment}) {
		return event.CodeNone
	}
	if a.room <= 0 {
		return event.CodeTooManySeries
	}
	a.room--
	return event.CodeNone
}

func (a *admission) hasSeries(name catalog.SeriesName) bool {
	if a.model == nil {
		return false
	}
	a.model.Mu.RLock()
	defer a.model.Mu.RUnlock()
	_, ok := a.model.Numbers.Get(name)
	return ok
}

func (a *admission) hasMonth(number base.MonthNumber) bool {
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
func (g *capGate) months(b *event.Batch, codes []event.Code) (refused bool) {
	room := int64(g.db.opts.MonthsMax) - g.db.cardinality.Months.Load()
	current := base.MonthOf(g.db.clock.Read().Past())
	var days base.Calendar
	for row, ts := range b.Timestamps {
		number := days.Of(ts)
		if codes[row] != event.CodeNone || number >= current {
			continue
		}
		a := g.admitted[b.Series[b.SeriesOf[row]].Model]
		has, known := a.months[number]
		if !known {
			has = a.hasMonth(number)
			if !has && room > 0 {
				room--
				has = true
			}
			if a.months == nil {
				a.months = make(map[base.MonthNumber]bool)
			}
			a.months[number] = has
		}
		if !has {
			codes[row], refused = event.CodeTooManyMonths, true
		}
	}
	return refused
}
