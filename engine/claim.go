package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// claimInterval is how often an open store looks whether its directory is still where its path leads. Appends look by
// themselves; it is for a store that takes none.
const claimInterval = time.Second

// watchClaim looks after the claim to the directory until it ends, or ctx does.
func (db *DB) watchClaim(ctx context.Context) {
	tick := time.NewTicker(claimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := db.checkClaim(); err != nil {
			db.opts.Logger.Error("nothing is written any more, here or in its place", "error", err)
			return
		}
	}
}

// checkClaim returns why the directory is no longer this store's, or nil. What could not be found out counts as nothing:
// appends and checkpoints ask again.
func (db *DB) checkClaim() error {
	if err := db.claim.Check(); errors.Is(err, ErrTaken) {
		return fmt.Errorf("%w: %w", ErrDegraded, err)
	}
	return nil
}
