package engine

import (
	"fmt"

	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/wal"
)

// replayer applies the records of the log at Open.
type replayer struct {
	db            *DB
	decoder       record.Decoder
	record        record.Record
	ordered       head.Batch
	records, rows int
	// last is when the last record came.
	last clock.Moment
	// heads is the most that rows not sealed have taken.
	heads int64
}

func (p *replayer) replay(r wal.Record) error {
	if k := &p.db.checkpointer; k.Manifest.Number == 0 {
		return k.NoManifest(fmt.Sprintf("record %d in the log", r.LSN))
	}
	if err := p.decoder.Decode(&p.record, r.Type, r.Payload); err != nil {
		return fmt.Errorf("record %d: %w", r.LSN, err)
	}
	x := &publication{record: &p.record}
	x.sort(&p.ordered)
	p.records++
	p.last = p.record.Moment()
	p.rows += p.record.Rows()
	if err := p.db.publisher.publish(r.LSN, x); err != nil {
		return err
	}
	p.heads = max(p.heads, p.db.headBytes())
	if p.db.headBytes() >= p.db.opts.HeadBytes {
		if err := p.db.spill(); err != nil {
			return fmt.Errorf("spill up to record %d: %w", r.LSN, err)
		}
	}
	return nil
}
