package catalog

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Moments let readers see the models as they were in one moment, although they look at them one after the other and nobody waits: who
// is about to change a model shows it first to the readers that have not seen it since their moment. It is safe for concurrent use.
type Moments struct {
	// mu guards all that follows. It is taken under the lock of a model.
	mu sync.Mutex
	// last is the number of the last moment. It is written under mu and read by any goroutine.
	last atomic.Uint64
	// changes is how often any model was locked to be changed.
	changes atomic.Uint64
	// readers are those that have not seen all models.
	readers []*Moment
}

// Moment is one that a reader sees the models of.
type Moment struct {
	moments *Moments
	number  uint64
	see     func(*Model)
}

// Begin begins a moment. No model is changed meanwhile. see is called once for each model that is there then, in no order, by whoever
// comes first, under the lock of the model and of no other; it is called for one model at a time.
func (x *Moments) Begin(see func(*Model)) *Moment {
	x.mu.Lock()
	defer x.mu.Unlock()
	mo := &Moment{moments: x, number: x.last.Add(1), see: see}
	x.readers = append(x.readers, mo)
	return mo
}

// Look has the reader see a model, unless it has, or the model is newer than the moment.
func (mo *Moment) Look(m *Model) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.show()
}

// End ends the moment. see is not called any more.
func (mo *Moment) End() {
	x := mo.moments
	x.mu.Lock()
	defer x.mu.Unlock()
	x.readers = slices.DeleteFunc(x.readers, func(o *Moment) bool { return o == mo })
}

// LockToChange takes the lock of a model for who is about to change its rows, or to drop some.
func (m *Model) LockToChange() {
	m.Mu.Lock()
	m.show()
	m.revision.Store(m.moments.changes.Add(1))
}

// Revision is a number that no model has had before, since the model was last locked to be changed. Whoever asks for it first and then
// locks the model sees that change, and maybe a later one.
func (m *Model) Revision() uint64 { return m.revision.Load() }

// Revision is the newest of all models.
func (x *Moments) Revision() uint64 { return x.changes.Load() }

// show shows a model, which is locked, to those who have not seen it since their moment.
func (m *Model) show() {
	x := m.moments
	if m.seen == x.last.Load() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, mo := range x.readers {
		if mo.number > m.seen {
			mo.see(m)
		}
	}
	m.seen = x.last.Load()
}
