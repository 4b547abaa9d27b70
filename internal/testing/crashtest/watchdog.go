package crashtest

import (
	"sync"
	"time"
)

const (
	// hangStep and hangSteps: how long a life may run before the test is ended with a dump of all goroutines.
	hangStep  = time.Second
	hangSteps = 120
)

// watchdog calls hang after so many steps of a clock. It counts the steps and not the time between them: while the machine or
// the process is suspended no step is taken, and when it wakes up a step that is long overdue counts as one.
type watchdog struct {
	hang  func()
	timer *time.Timer

	// Guarded by mu.
	mu    sync.Mutex
	steps int // left; none if it was stopped
}

func watch(hang func()) *watchdog {
	w := &watchdog{hang: hang, steps: hangSteps}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(hangStep, w.step)
	return w
}

// step is what the timer calls.
func (w *watchdog) step() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.steps == 0 {
		return
	}
	if w.steps--; w.steps == 0 {
		w.hang()
		return
	}
	w.timer.Reset(hangStep)
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = 0
	w.timer.Stop()
}
