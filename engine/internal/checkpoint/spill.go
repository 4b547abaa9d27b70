package checkpoint

import "context"

// Spill moves what a replay has brought so far to a pack, as a checkpoint does, but commits nothing: a log that was written with
// more memory, or that no checkpoint has followed for long, may hold more than heads may. The log covers its rows until all of
// it was found good and a checkpoint, the first thing after it, names the packs. A crash before that leaves packs without a name,
// which the next start removes.
func (k *Checkpointer) Spill() error {
	if err := k.spillHeads(); err != nil {
		return err
	}
	k.Balance(context.Background())
	return nil
}

func (k *Checkpointer) spillHeads() error {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	if err := k.Files.BeginSpill(); err != nil {
		return err
	}
	r := k.handOver(k.Files.Manifest.Covered)
	if err := k.sealDirty(r.epoch); err != nil {
		return err
	}
	next := k.Files.Manifest.Clone()
	if err := k.rewrite(&next, k.unwritten(r.epoch), k.Files.Adopt); err != nil {
		return err
	}
	k.wroteSegments(r.epoch)
	k.env.Publisher.Counters.Sealed()
	return nil
}
