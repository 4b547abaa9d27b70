package publish

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// Env is what a publisher needs of the store around it. Its functions are called under the publisher's lock: they must
// neither wait nor call the publisher.
type Env struct {
	// Models are the models of the store by name. The publisher alone adds to them.
	Models *xsync.MapOf[string, *catalog.Model]
	// Keys is told of the outcome of each record that has an idempotency key, Positions of the positions of each record.
	Keys      *idempotency.Window
	Positions *positions.Memory
	// Hash is the hash of a prediction id, or of a model's name, by which they are found in memory.
	Hash func(id []byte) uint64

	// ActualsTTL and ActualsBytes bound the actuals that are remembered for rows still to come.
	ActualsTTL   time.Duration
	ActualsBytes int64
	// HeldBlocks is how many decoded blocks of sealed segments look-ups may keep.
	HeldBlocks int

	// Failure returns why nothing is to be published any more, or nil; Fail ends publishing for good.
	Failure func() error
	Fail    func(error)
	// Quarantine keeps rejected lines of a record, of which there were total.
	Quarantine func(lsn uint64, at int64, source string, rejects []event.Reject, total int)
	// EmptyQuarantine forgets the lines of a source, and counts them. Within reads a pattern of models.
	EmptyQuarantine func(source string) int
	Within          func(pattern string) func(model string) bool
	// HeadFull is told of a month of which a head is as large as a segment, Published that a record is published.
	HeadFull  func(catalog.ModelMonth)
	Published func()
}

// Publisher applies durable records to memory. See the package comment for who may call what.
type Publisher struct {
	// Immutable after New.
	env Env

	// Counters and Cardinality are written by the publisher and read by anyone.
	Counters    Counters
	Cardinality catalog.Cardinality
	// Moments are begun by those who read rows.
	Moments catalog.Moments

	// mu is held while records are published and when an epoch ends. It guards all that follows.
	mu       sync.Mutex
	deferred deferred
	// sliceMax is how long a record is published before others get their turn. 0 has each published to its end.
	sliceMax time.Duration
	slice    timeSlice

	// epoch is the interval between two checkpoints that new rows belong to, staging the rows of it that came few at a time.
	epoch   uint64
	staging *head.Staging
	// dirty are the months that got rows in this epoch, edited those of which sealed rows have changed.
	dirty, edited []catalog.ModelMonth
	// dropped are sealed segments of which deletions of this epoch have left nothing, deleted is what they were about, and emptied
	// is set if lines of the quarantine went.
	dropped []*catalog.Segment
	deleted Purge
	emptied bool
	// actuals are those remembered for rows still to come.
	actuals *actuals.Memory

	changer *catalog.RowChanger

	// Scratch, reused from record to record.
	calendar base.Calendar
	changes  []catalog.IDChange
}

// Counters are what a publisher has done since it was made.
type Counters struct {
	Batches, Rows, Replaced, Deleted atomic.Uint64
	// Nanos is the time spent.
	Nanos atomic.Uint64
	// Applied counts actuals by what became of them, Quarantined rejects by their code.
	Applied     [catalog.Withdrawn + 1]atomic.Uint64
	Quarantined [len(event.Counts{})]atomic.Uint64

	// Remembered are the actuals that are remembered, Unmet those of them that no row has met, RememberedBytes is about
	// their memory. Forgotten had met a row when they had to go for want of room, Evicted had not.
	Remembered, Unmet, RememberedBytes atomic.Int64
	Forgotten, Evicted                 atomic.Uint64

	// Unsealed is about the memory that was taken in this epoch, by rows in heads and changes of sealed rows. Sealing
	// is that of before, until [Counters.Sealed].
	Unsealed, Sealing atomic.Int64
	// RejectedBytes are those of rejected lines in this epoch.
	RejectedBytes atomic.Int64
	// Uncovered counts the rows, rejects and positions that no checkpoint covers.
	Uncovered atomic.Int64
}

// HeadBytes is about the memory of what no segment has.
func (c *Counters) HeadBytes() int64 { return c.Unsealed.Load() + c.Sealing.Load() }

// Sealed says that segments have all that was published before this epoch.
func (c *Counters) Sealed() { c.Sealing.Store(0) }

// ForgetQuarantined sets the counts of rejects to 0.
func (c *Counters) ForgetQuarantined() {
	for code := range c.Quarantined {
		c.Quarantined[code].Store(0)
	}
}

// sliceMax is how long a record is published before others get their turn.
// Beside a request that corrects 200,000 actuals of sealed rows, appends to another model wait up to 35 ms; without slices,
// 151 ms.
const sliceMax = 5 * time.Millisecond

// New returns a publisher that publishes each record to its end, until [Publisher.StartSlicing].
func New(env Env) *Publisher {
	p := &Publisher{env: env, epoch: 1, staging: new(head.Staging), actuals: actuals.New()}
	p.changer = catalog.NewRowChanger(env.Hash, env.HeldBlocks)
	return p
}

// StartSlicing has records published in time slices from here on. A replay does without: it publishes records alone.
func (p *Publisher) StartSlicing() { p.SetSlice(sliceMax) }

// SetSlice sets how long a record is published before others get their turn.
func (p *Publisher) SetSlice(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sliceMax = d
}

// Model returns the model of that name, making it on first sight. Publishing and recovery alone call it.
func (p *Publisher) Model(name string) *catalog.Model {
	if m, ok := p.env.Models.Load(name); ok {
		return m
	}
	m := catalog.NewModel(name, &p.Cardinality, &p.Moments)
	p.env.Models.Store(name, m)
	p.Cardinality.Models.Add(1)
	return m
}

// Publish publishes a record, which is durable under its number in the log. One that is deferred is published in part or
// not at all when it returns: then [Publication.Wait] waits for the rest.
func (p *Publisher) Publish(lsn uint64, x *Publication) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.env.Failure(); err != nil {
		return err
	}
	x.lsn = lsn
	p.begin(x)
	if !p.deferred.hold(x.record) {
		over, err := p.advance(x, p.sliceEnd())
		if err != nil || over {
			return p.end(x, err)
		}
	}
	p.putOff(x)
	return nil
}

// sliceEnd is when a time slice that begins now ends; zero if it does not end.
func (p *Publisher) sliceEnd() time.Time {
	if p.sliceMax == 0 {
		return time.Time{}
	}
	return time.Now().Add(p.sliceMax)
}

// begin readies a publication.
func (p *Publisher) begin(x *Publication) {
	switch r := x.record; r.Kind() {
	case record.KindPredictions:
		x.replaced = x.ordered.Folded
	case record.KindActuals:
		x.starts, x.order = head.GroupRows(r.Actuals.ModelOf, len(r.Actuals.Models), nil, nil)
	case record.KindDeletion:
		x.deletion = &deletion{Aim: NewAim(r.Deletion, p.env.Within)}
	}
}

// advance publishes until a time, which is zero for no bound, and tells whether the publication is over.
func (p *Publisher) advance(x *Publication, until time.Time) (over bool, err error) {
	begin := time.Now()
	defer func() { p.Counters.Nanos.Add(uint64(time.Since(begin))) }()
	p.slice = timeSlice{until: until}
	switch x.record.Kind() {
	case record.KindPredictions:
		return p.publishBatch(x)
	case record.KindActuals:
		return p.publishActuals(x)
	default:
		return p.publishDeletion(x)
	}
}

// end counts what was published. If err is set it fails the store instead: what the record would have become is left to
// the next start.
func (p *Publisher) end(x *Publication, err error) error {
	r, c := x.record, &p.Counters
	switch r.Kind() {
	case record.KindPredictions:
		p.endBatch(x)
	case record.KindDeletion:
		c.Deleted.Add(uint64(x.deletion.rows))
	}
	if err != nil {
		p.env.Fail(fmt.Errorf("publish record %d: %w", x.lsn, err))
		return err
	}
	p.forgetActuals(r.Moment())
	source, rejects, counts := r.Rejected()
	p.env.Quarantine(x.lsn, r.At, source, rejects, counts.Total())
	for i := range rejects {
		c.RejectedBytes.Add(int64(len(rejects[i].Raw) + len(rejects[i].Place)))
	}
	for code, n := range counts {
		c.Quarantined[code].Add(uint64(n))
	}
	c.Replaced.Add(uint64(x.replaced))
	c.Batches.Add(1)
	if r.Keyed {
		c.Unsealed.Add(idempotency.KeyBytes)
		p.env.Keys.Add(idempotency.Entry{
			Key: r.Key, Hash: r.Hash, LSN: x.lsn, At: r.Moment().Latest(),
			Successful: uint32(r.Rows()), Quarantined: uint32(counts.Total()), Replaced: uint32(x.replaced),
		}, r.Moment().Past())
	}
	p.env.Positions.Set(r.Origin.Positions)
	c.Uncovered.Add(int64(r.Rows() + len(rejects) + len(r.Origin.Positions)))
	p.env.Published()
	return nil
}

// Handover is what a publisher hands over to a checkpoint.
type Handover struct {
	// Epoch is the last one that the checkpoint covers.
	Epoch uint64
	// Rows are those that it covers and no earlier one.
	Rows int64
	// Dirty are the months that got rows in the epoch, Edited those of which sealed rows have changed.
	Dirty, Edited []catalog.ModelMonth
	// Dropped are sealed segments of which deletions have left nothing, Deleted is what the deletions were about. Emptied is set if
	// lines of the quarantine went.
	Dropped []*catalog.Segment
	Deleted Purge
	Emptied bool
	// Actuals are those remembered, nil if none has changed in the epoch; Keys are new ones of the idempotency window.
	Actuals *actuals.Snapshot
	Keys    []idempotency.Entry
}

// EndEpoch ends the epoch: it returns what was published in it; what will be published is of the next one. It ends the publications that are
// deferred, for which [Publisher.WaitUnderWay] can wait before it.
func (p *Publisher) EndEpoch() Handover {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endDeferred()
	c := Handover{
		Epoch: p.epoch, Rows: p.Counters.Uncovered.Load(), Dirty: p.dirty, Edited: p.edited, Keys: p.env.Keys.TakeNew(),
		Dropped: p.dropped, Deleted: p.deleted, Emptied: p.emptied,
	}
	if p.actuals.TakeChanged() {
		c.Actuals = p.actuals.Snapshot()
	}
	p.epoch++
	p.staging = new(head.Staging)
	p.dirty, p.edited = nil, nil
	p.dropped, p.deleted, p.emptied = nil, Purge{}, false
	p.changer.Forget()
	p.Counters.Sealing.Add(p.Counters.Unsealed.Swap(0))
	p.Counters.RejectedBytes.Store(0)
	return c
}

// noteEdited hands a month to the next checkpoint, to write its edits. The model's lock is held.
func (p *Publisher) noteEdited(m *catalog.Model, mo *catalog.Month) {
	if mo.Edited != p.epoch {
		mo.Edited = p.epoch
		p.edited = append(p.edited, catalog.ModelMonth{Model: m, Month: mo})
	}
}

// Prune forgets months and models of which nothing is left, of those given. Nobody seals or merges meanwhile.
func (p *Publisher) Prune(models []*catalog.Model) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range models {
		if m.Prune() {
			p.env.Models.Delete(m.Name) // a publication that goes on looks for it anew
			p.Cardinality.Models.Add(-1)
		}
	}
}

// HasDeleted tells whether anything was deleted in this epoch.
func (p *Publisher) HasDeleted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.deleted.Empty() || p.emptied
}
