package wal

import (
	"fmt"
	"time"
)

// sync fills the current block and makes the current file durable: no block that holds a synced record is ever written
// again.
func (w *writer) sync() error {
	w.syncDue = time.Time{}
	if w.cur == nil || w.cur.off == w.cur.synced {
		return nil
	}
	if n := padSize(w.cur.off); n > 0 {
		if err := w.appendOwn(typePad, n); err != nil {
			return err
		}
	}
	if err := w.syncData(); err != nil {
		return err
	}
	w.cur.synced = w.cur.off
	if w.opts.Sync != SyncNever {
		w.markDue = time.Now().Add(w.opts.IdleMark)
	}
	return nil
}

func (w *writer) syncData() error {
	begin := time.Now()
	err := w.cur.file.SyncData()
	w.stats.syncSeconds.observe(time.Since(begin))
	if err != nil {
		return fmt.Errorf("sync %s: %w", w.cur.path, err)
	}
	return nil
}

// mark writes a sync mark behind what is synced.
func (w *writer) mark() error {
	w.markDue = time.Time{}
	if w.cur == nil || w.cur.marked || w.cur.off != w.cur.synced {
		return nil
	}
	if err := w.appendOwn(typePad, blockSize); err != nil {
		return err
	}
	if err := w.syncData(); err != nil {
		return err
	}
	w.cur.synced, w.cur.marked = w.cur.off, true
	return nil
}
