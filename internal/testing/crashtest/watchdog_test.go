package crashtest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWatchdog holds that a life that takes long enough is noticed, and one that is over is not.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung time.Time
		w := watch(func() { hung = time.Now() })
		began := time.Now()
		time.Sleep((hangSteps + 1) * hangStep)
		synctest.Wait()
		require.Equal(t, hangSteps*hangStep, hung.Sub(began))
		w.stop()

		over := watch(func() { t.Error("a life that is over does not hang") })
		time.Sleep(hangSteps * hangStep / 2)
		over.stop()
		time.Sleep(hangSteps * hangStep)
	})
}

// TestWatchdogSleepsWithTheMachine holds that hours between two steps, as the clock of a machine shows them that was suspended,
// count as one step.
func TestWatchdogSleepsWithTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := false
		w := watch(func() { hung = true })
		w.timer.Stop() // the test takes the steps
		for range hangSteps - 1 {
			time.Sleep(time.Hour)
			w.step()
			w.timer.Stop()
			require.False(t, hung)
		}
		w.step()
		require.True(t, hung)
		w.stop()
	})
}
