package wal

// publisher is the one goroutine that publishes and acknowledges, in the order of the log, while the writer is busy with
// the next group.
type publisher struct {
	in    <-chan *group
	queue *queue
}

// run publishes until the writer is done.
func (p *publisher) run() {
	for g := range p.in {
		for i := range g.entries {
			e := &g.entries[i]
			switch {
			case e.err != nil:
			case e.atCut != nil:
				e.atCut(e.pos)
			case e.publish != nil:
				e.publish(e.lsn)
			}
			e.done.result <- e.err
		}
		p.queue.finished(g)
	}
}
