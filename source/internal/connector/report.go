package connector

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
)

// State is what a connector does.
type State uint8

// The states.
const (
	Starting State = iota // it has not reached the other side yet
	Running               // it reads, or waits for something to read
	Paused                // the store takes nothing in at the moment
	Failing               // what it reads, or a part of it, cannot be read; it is tried again
	Stopped               // it is not run any more
)

var stateNames = [...]string{"starting", "running", "paused", "failing", "stopped"}

// String returns the name of the state.
func (s State) String() string { return stateNames[s] }

// Unknown is the value of a lag that is not known.
const Unknown = -1

// Lag is what there is to read outside that is not stored. Each is [Unknown] where that is not known.
type Lag struct {
	Messages, Bytes int64
	Seconds         float64 // the age of the oldest that is not stored
}

// Counts count what became of what a connector read, since the process began.
type Counts struct {
	Rows, Replaced, Rejects, Bytes uint64
	// Skipped are messages that are no events by intent, such as the null values of a compacted topic.
	Skipped uint64
	// Retries are attempts after one that failed, Lost is how many messages are known to have been gone before they were read.
	Retries, Lost uint64
	// Failed are files that cannot be read, because they are not what they should be.
	Failed uint64
}

// Snapshot is how a connector does at a moment.
type Snapshot struct {
	State State
	// Err is why it is paused or failing, and of a running one nil; Since is when it began, and NextTry when it is run again, zero if
	// it is running.
	Err            error
	Since, NextTry time.Time
	// LastErr is the last error there was, at LastErrAt, also when it is over.
	LastErr   error
	LastErrAt time.Time
	// LastStored is when something was stored.
	LastStored time.Time
	Lag        Lag
	Counts     Counts
}

// Report is how a connector does. The zero Report is of one that is starting. It is safe for concurrent use.
type Report struct {
	// Log is told of changes of the state, and of errors, each text of which once a minute at most. It may be nil, and calls no method.
	Log func(Snapshot)

	mu sync.Mutex
	// logged are the texts that were told, and when.
	logged map[string]time.Time
	// Guarded by mu.
	now     Snapshot
	lags    bool // the lag is known
	reached bool // since the last Begin
	stopped bool
	run     error            // what the last run ended with, nil once the other side was reached after it
	pause   error            // what the store refuses with
	trouble map[string]error // what fails of what is read, by part
}

// Continue has the counts go on from those of a connector in whose place this one is. Nothing has been counted by then.
func (r *Report) Continue(before Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Counts = before
}

// Snapshot returns how the connector does.
func (r *Report) Snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now
	if !r.lags {
		now.Lag = Lag{Unknown, Unknown, Unknown}
	}
	return now
}

// Reached says that the other side answers.
func (r *Report) Reached() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached, r.run = true, nil
	r.settle()
}

// Trouble says that a part of what is read fails with an error, or that it does not any more, for nil. The other parts may go on. The
// part "" is the whole.
func (r *Report) Trouble(part string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.trouble, part)
	} else {
		if r.trouble == nil {
			r.trouble = map[string]error{}
		}
		r.trouble[part] = err
		r.note(err)
	}
	r.settle()
}

// Lagging says what there is to read.
func (r *Report) Lagging(l Lag) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Lag, r.lags = l, true
}

// LostSight says that nobody knows what there is to read.
func (r *Report) LostSight() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lags = false
}

// Skip counts messages that are no events by intent.
func (r *Report) Skip(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Counts.Skipped += uint64(n)
}

// Lose counts messages that were gone before they were read, and shows why as the last error.
func (r *Report) Lose(n int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Counts.Lost += uint64(max(n, 0))
	r.note(err)
}

// Fail counts a file that cannot be read.
func (r *Report) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Counts.Failed++
}

// Warn shows an error as the last one that does not keep the connector from reading.
func (r *Report) Warn(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(err)
}

// Retry counts an attempt after one that failed.
func (r *Report) Retry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Counts.Retries++
}

// Begin says that the connector is run. One that was failing is so until the other side answers.
func (r *Report) Begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.trouble)
	r.reached, r.pause, r.now.NextTry = false, nil, time.Time{}
	r.settle()
}

// End says that a run ended with an error, and when the next one is.
func (r *Report) End(err error, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run, r.now.NextTry, r.lags = err, next, false
	r.note(err)
	r.settle()
}

// Stop says that the connector is not run any more.
func (r *Report) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.settle()
}

func (r *Report) paused(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause = err
	r.now.Counts.Retries++
	r.note(err)
	r.settle()
}

func (r *Report) stored(done engine.Appended, l *Load) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.now.Counts
	c.Rows += uint64(done.Successful)
	c.Replaced += uint64(done.Replaced)
	c.Rejects += uint64(done.Quarantined)
	c.Bytes += uint64(l.bytes)
	r.now.LastStored = time.Now()
	if r.pause != nil {
		r.pause = nil
		r.settle()
	}
}

// note keeps the last error. The caller holds mu.
func (r *Report) note(err error) {
	r.now.LastErr, r.now.LastErrAt = err, time.Now()
	if r.Log == nil || !r.isNews(err.Error(), r.now.LastErrAt) {
		return
	}
	r.Log(r.now)
}

// loggedMax is how many errors are told in logEvery.
const (
	loggedMax = 20
	logEvery  = time.Minute
)

// isNews tells whether a text was not told in the last while, and notes that it is. The caller holds mu.
func (r *Report) isNews(text string, now time.Time) bool {
	maps.DeleteFunc(r.logged, func(_ string, at time.Time) bool { return now.Sub(at) >= logEvery })
	if _, told := r.logged[text]; told || len(r.logged) >= loggedMax {
		return false
	}
	if r.logged == nil {
		r.logged = map[string]time.Time{}
	}
	r.logged[text] = now
	return true
}

// settle finds the state by what is known. The caller holds mu.
func (r *Report) settle() {
	state, err := Starting, error(nil)
	switch {
	case r.stopped:
		state = Stopped
	case r.run != nil:
		state, err = Failing, r.run
	case r.pause != nil:
		state, err = Paused, r.pause
	case len(r.trouble) > 0:
		first := slices.Min(slices.Collect(maps.Keys(r.trouble)))
		state, err = Failing, r.trouble[first]
	case r.reached:
		state = Running
	}
	was := r.now.State
	if state != was || r.now.Since.IsZero() {
		r.now.Since = time.Now()
	}
	r.now.State, r.now.Err = state, err
	if r.Log != nil && state == Running && (was == Failing || was == Paused) {
		now := r.now
		now.LastErr = nil
		r.Log(now)
	}
}
