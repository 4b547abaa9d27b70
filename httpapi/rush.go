package httpapi

import (
	"sync/atomic"
	"time"
)

// rush tells when queries come one behind the other. They take a good part of a processor then, and get one: threads
// that they would have to drive away first cost each of them a millisecond now and then.
type rush struct {
	// spare is told when a rush begins and when it is over, one call at a time.
	spare func(on bool)
	// asked counts the queries of this interval, and one more while a rush lasts. Who makes it 1 starts the interval;
	// as long as it is not 0 a timer is under way.
	asked atomic.Int64
}

const (
	// rushInterval is how long it takes to see that a rush began or ended: short beside a load, and long beside what
	// spare costs, some 50 us.
	rushInterval = 10 * time.Millisecond
	// rushQueries of an interval are a rush. They take about a tenth of a processor: who asks less would leave more of
	// it unused than ingest can do without.
	rushQueries = 20
)

// ask notes a query.
func (r *rush) ask() {
	if r.asked.Add(1) == 1 {
		time.AfterFunc(rushInterval, func() { r.look(false) })
	}
}

// look ends an interval; rushed tells whether it was one of a rush. It runs on a timer, one at a time.
func (r *rush) look(rushed bool) {
	rushes := r.asked.Load() >= rushQueries
	if rushes != rushed {
		r.spare(rushes)
	}
	if !rushes {
		r.asked.Store(0)
		return
	}
	r.asked.Store(1)
	time.AfterFunc(rushInterval, func() { r.look(true) })
}
