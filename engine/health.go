package engine

import (
	"errors"

	"github.com/residualdb/residual/engine/internal/base"
)

// Health says whether the store takes events.
type Health struct {
	// Ready is true once recovery is done. Degraded is true while appends are refused, and never else; Err is what they are
	// refused with, Reason its text.
	Ready, Degraded bool
	Reason          string
	Err             error
	// Failed is true when it takes a restart to recover: a write or sync has failed, and what the disk holds is not known.
	Failed bool
}

// Health says whether the store takes events.
func (db *DB) Health() Health {
	h := Health{Ready: db.ready.Load()}
	if h.Err = db.refusal(); h.Err != nil {
		h.Degraded, h.Reason, h.Failed = true, h.Err.Error(), errors.Is(h.Err, ErrDegraded)
	}
	return h
}

// refusal returns why appends are refused at the moment, nil if they are not. Appends and Health ask here and nowhere
// else, so that they cannot disagree. An append for which there is room once rows are sealed waits, and is not refused.
func (db *DB) refusal() error {
	if err := db.failure(); err != nil {
		return err
	}
	if err := db.log.Err(); err != nil {
		return base.LogError(err)
	}
	if err := db.checkpointer.Failure(); err != nil {
		return err
	}
	if db.headsFull() {
		return db.room.hopeless()
	}
	return nil
}
