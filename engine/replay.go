package engine

import (
	"fmt"

	"github.com/residualdb/residual/wal"
)

// replayer applies the records of the log at Open.
type replayer struct {
	db            *DB
	decoder       recordDecoder
	record        record
	ordered       bySeries
	records, rows int
	// last is when the last record came.
	last moment
	// heads is the most that rows not sealed have taken.
	heads int64
}

func (p *replayer) replay(r wal.Record) error {
	if k := &p.db.keeper; k.manifest.number == 0 {
		return k.noManifest(fmt.Sprintf("record %d in the log", r.LSN))
	}
	if err := p.decoder.decode(&p.record, r.Type, r.Payload); err != nil {
		return fmt.Errorf("record %d: %w", r.LSN, err)
	}
	p.record.order(&p.ordered)
	p.records++
	p.last = p.record.moment()
	p.rows += p.record.rows()
	if err := p.db.publisher.publish(r.LSN, &p.record); err != nil {
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
