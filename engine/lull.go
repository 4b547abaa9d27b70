package engine

import "time"

// calmAfter is how long no rows must have come before months that are over are joined after a checkpoint: a load of
// history would have each of its checkpoints rewrite them.
const calmAfter = 250 * time.Millisecond

// lull waits for a moment in which no rows come. It is for one goroutine.
type lull struct {
	over <-chan time.Time
	rows uint64 // as many had come when the wait began
}

// await begins a wait, or begins it anew.
func (l *lull) await(db *DB) {
	l.over, l.rows = time.After(calmAfter), db.publisher.Counters.Rows.Load()
}

// lasted tells, once the time is over, whether no rows came in it. If some did, it waits on.
func (l *lull) lasted(db *DB) bool {
	if db.publisher.Counters.Rows.Load() != l.rows {
		l.await(db)
		return false
	}
	return true
}
