package wal

// acknowledger is the goroutine that publishes what is as durable as the policy has it and lets Append return, in the
// order of the log, while the writer is busy with the next group. It owns the groups that it receives.
type acknowledger struct {
	in    <-chan *group
	queue *commitQueue
}

// run acknowledges until the writer is done.
func (a *acknowledger) run() {
	for g := range a.in {
		for i := range g.entries {
			e := &g.entries[i]
			switch {
			case e.err != nil:
			case e.rotated != nil:
				e.rotated(e.pos)
			case e.publish != nil:
				e.publish(e.lsn)
			}
			e.done <- e.err
		}
		a.queue.acknowledged(g)
	}
}
