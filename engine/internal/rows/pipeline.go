package rows

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/residualdb/residual/segment"
)

// pipeline has pieces read on as many goroutines as there are processors, and hands on what was read in the order of the tasks. It
// holds at most tasksAhead tasks for each processor. A goroutine ends when no task waits, so that none runs while the caller is busy
// with a task for long. Each keeps the store open for the task that it reads, and no longer.
type pipeline struct {
	snapshot *snapshot
	// do does the tasks of the caller that there is; free are tasks that nobody uses.
	do   func(r *reader, t *task) error
	free []*task

	// mu guards what follows.
	mu      sync.Mutex
	waiting []*task
	readers []*reader // those that nobody uses
	running int

	workers sync.WaitGroup
}

// task is some pieces, and what was read of them.
type task struct {
	pieces []piece
	rows   int // at most

	batch Batch
	// from says which row of which piece each row is, where that matters.
	from []rowPlace
	read segment.Read
	err  error
	done chan struct{}
}

// rowPlace is a row of a piece, by the places of both.
type rowPlace struct{ piece, row uint32 }

// batchRows is about how many rows a batch has.
const batchRows = 1024

// tasksAhead is how many tasks are held for each processor: enough for none to wait while the rows of one are used.
const tasksAhead = 2

// work is tasks to be done: fill fills them until it returns false, do does each on some goroutine, and use uses it on that of the
// caller, until it returns false.
type work struct {
	fill func(*task) bool
	do   func(r *reader, t *task) error
	use  func(*task) (bool, error)
}

// each does work. One call runs at a time. A task is valid during the call of use that gets it.
func (p *pipeline) each(ctx context.Context, w work) error {
	most := runtime.GOMAXPROCS(0)
	p.do = w.do
	defer p.stop()
	var ahead []*task
	for more := true; ; {
		for more && len(ahead) < most*tasksAhead {
			var t *task
			if n := len(p.free); n > 0 {
				t, p.free = p.free[n-1], p.free[:n-1]
			} else {
				t = &task{done: make(chan struct{}, 1)}
			}
			t.reset()
			if more = w.fill(t); len(t.pieces) > 0 {
				ahead = append(ahead, t)
				p.start(t, most)
			}
		}
		if len(ahead) == 0 {
			return nil
		}
		t := ahead[0]
		<-t.done
		ahead = append(ahead[:0], ahead[1:]...)
		p.snapshot.read.Add(t.read)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		if t.err != nil {
			return t.err
		}
		if goOn, err := w.use(t); !goOn || err != nil {
			return err
		}
		p.free = append(p.free, t)
	}
}

func (t *task) reset() {
	t.pieces, t.rows, t.from = t.pieces[:0], 0, t.from[:0]
	t.batch.Series, t.batch.SeriesOf = t.batch.Series[:0], t.batch.SeriesOf[:0]
	t.batch.Reset()
	t.read, t.err = segment.Read{}, nil
}

// start has a task done.
func (p *pipeline) start(t *task, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, t)
	if p.running < most {
		p.running++
		p.workers.Go(p.read)
	}
}

// read does tasks while any wait.
func (p *pipeline) read() {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.running-- }()
	var r *reader
	if n := len(p.readers); n > 0 {
		r, p.readers = p.readers[n-1], p.readers[:n-1]
	} else {
		r = &reader{snapshot: p.snapshot}
	}
	for len(p.waiting) > 0 {
		t := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		p.finish(r, t)
		p.mu.Lock()
	}
	p.readers = append(p.readers, r)
}

func (p *pipeline) finish(r *reader, t *task) {
	defer func() { t.done <- struct{}{} }()
	if t.err = p.snapshot.env.Queries.Begin(); t.err != nil {
		return
	}
	defer p.snapshot.env.Queries.End()
	r.read = segment.Read{}
	t.err = p.do(r, t)
	t.read = r.read
}

// stop ends what is under way.
func (p *pipeline) stop() {
	p.mu.Lock()
	p.waiting = nil
	p.mu.Unlock()
	p.workers.Wait()
}
