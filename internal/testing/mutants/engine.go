package main

import "slices"

// engineMutants are bugs above the log.
func engineMutants() []mutant { //nolint:funlen // a table
	return []mutant{
		{
			name: "engine: the log is truncated before the manifest", in: "engine", hint: "TestCrash$",
			old: `	if err == nil {
		err = k.rewrite(`,
			fresh: `	if err == nil {
		err = k.Log.Truncate(r.position)
	}
	if err == nil {
		err = k.rewrite(`,
		},
		{
			name: "engine: a pack is not synced", in: "engine", hint: "TestCrash$",
			old: `	if err := w.file.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", w.path, err), w.Abort())
	}
`,
			fresh: ``,
		},
		{
			name: "engine: the directory of packs is not synced", in: "engine", function: "commit", hint: "TestCrash$",
			old:   `	for _, dir := range storedDirs {`,
			fresh: `	for _, dir := range storedDirs[1:] {`,
		},
		{
			name: "engine: the manifest's directory is not synced", in: "engine", hint: "TestCrash$",
			old: `	if err := f.syncDir("."); err != nil {
		return err
	}
`,
			fresh: ``,
		},
		{
			name: "engine: the store's own name is not synced", in: "engine", hint: "TestCrash$",
			old: `	if err := syncAbove(under, dir); err != nil {
		return id, err
	}
`,
			fresh: ``,
		},
		{
			name: "engine: a merge removes the old packs before the commit", in: "engine", hint: "TestCrash$/merge",
			old: `	next.packs = append(next.packs, packRef{fileRef: p.ref})
`,
			fresh: `	next.packs = append(next.packs, packRef{fileRef: p.ref})
	old := k.files.Manifest
	k.files.Manifest = *next
	_ = k.files.Sweep()
	k.files.Manifest = old
`,
		},
		{
			name: "engine: latest is the newest version, with or without actuals", in: "engine", function: "PickLatest", hint: "TestLatest",
			old:   `if a.Actuals > 0 {`,
			fresh: `if a.Rows > 0 {`,
		},
		{
			name: "engine: a reference counts once for each version of a total", in: "engine", hint: "TestOperations",
			old:   `			r.counted[of] = true`,
			fresh: `			r.counted[of] = false`,
		},
		{
			name: "engine: a shorter prefix hides behind a longer one", in: "engine", hint: "TestPattern",
			old:   `!strings.HasPrefix(prefix, kept[len(kept)-1])`,
			fresh: `prefix != kept[len(kept)-1]`,
		},
		{
			name: "engine: merged segments are not retired", in: "engine", hint: "TestCrash$/merge",
			old:   `			if pl := old.source.place.Load(); pl != nil {`,
			fresh: `			if pl := old.source.place.Load(); pl != nil && pl.Entry < 0 {`,
		},
		{
			name: "engine: retired segments are loaded", in: "engine", hint: "TestCrash$/merge|TestOperations",
			old:   `			if dead[uint32(entry)] {`,
			fresh: `			if dead[uint32(entry)] && entry < 0 {`,
		},
		{
			name: "engine: the checkpoint leaves out rows before its cut", in: "engine", hint: "TestCrash$/checkpoint",
			old: `	if err := k.sealDirty(r.epoch); err != nil {
		return fmt.Errorf(`,
			fresh: `	if err := k.sealDirty(r.epoch - 1); err != nil {
		return fmt.Errorf(`,
		},
		{
			name: "engine: rows behind the cut go into the checkpoint", in: "engine", function: "cover", hint: "TestRowsBehindRotation",
			old:   `k.unwritten(r.epoch)`,
			fresh: `k.unwritten(r.epoch + 1)`,
		},
		{
			name: "engine: the manifest covers one record too many", in: "engine", hint: "TestCrash$/checkpoint",
			old: `	next.covered = r.position`,
			fresh: `	next.covered = r.position
	next.Covered.LSN++`,
		},
		{
			name: "engine: the idempotency window is not in the checkpoint", in: "engine", hint: "TestCrash$/checkpoint",
			old:   `	if len(k.keys) > 0 {`,
			fresh: `	if len(k.keys) < 0 {`,
		},
		{
			name: "engine: the idempotency window is not loaded", in: "engine", hint: "TestCrash$/checkpoint",
			old:   `sidecar.Sinks{Key: db.keys.Restore, Reject`,
			fresh: `sidecar.Sinks{Reject`,
		},
		{
			name: "engine: keys of replayed records are forgotten", in: "engine", hint: "TestCrash$/append",
			old:   `	r.keyed, r.keep = flags&flagKeyed != 0, `,
			fresh: `	r.keyed, r.keep = flags&flagKeyed != 0 && len(payload) == 0, `,
		},
		{
			name: "engine: lists that are not old yet are let go", in: "engine", hint: "TestCrash$",
			old:   `		entries += l.entries`,
			fresh: `		entries += l.entries + entriesMax`,
		},
		{
			name: "engine: the quarantine is not in the checkpoint", in: "engine", hint: "TestCrash$/checkpoint|TestQuarantine",
			old:   `	if err := k.writeRejects(next, now, q); err != nil {`,
			fresh: `	if err := error(nil); err != nil {`,
		},
		{
			name: "engine: positions are not in the record", in: "engine", hint: "TestRecord|TestAppendFrom|TestCrash$/positions",
			old: `	dst = binary.AppendUvarint(dst, uint64(len(r.Origin.Positions)))
	for i := range r.Origin.Positions {`,
			fresh: `	dst = binary.AppendUvarint(dst, 0)
	for i := range 0 {`,
		},
		{
			name: "engine: positions are not in the checkpoint", in: "engine", hint: "TestAppendFrom|TestCrash$/positions",
			old:   `	for count, entries := range sidecar.Positions(p.rotated, since) {`,
			fresh: `	for count, entries := range sidecar.Positions(since, since) {`,
		},
		{
			name: "engine: positions of the checkpoint are those behind it", in: "engine", hint: "TestCrash$|TestBackup",
			old:   `	k.positions.listed = k.positions.rotated`,
			fresh: `	k.positions.listed = k.env.Positions.Snapshot()`,
		},
		{
			name: "engine: positions are set before their rows", in: "engine", hint: "TestPositions",
			old: `	switch r := x.record; r.Kind() {
	case record.KindPredictions:
		x.replaced = x.ordered.Folded`,
			fresh: `	p.env.Positions.Set(x.record.Origin.Positions)
	switch r := x.record; r.Kind() {
	case record.KindPredictions:
		x.replaced = x.ordered.Folded`,
		},
		{
			name: "engine: records of one source change places", in: "engine", hint: "TestPositions",
			old:   `held = held || d.sources[source] > 0`,
			fresh: `held = held || d.sources[source] > 1<<30`,
		},
		{
			name: "engine: a key with another body is a duplicate", in: "engine", hint: "TestAppendOnce|TestCrash$",
			old:   `			return e, true, conflict(e.hash == hash)`,
			fresh: `			return e, true, nil`,
		},
		{
			name: "engine: a key under way does not keep another from it", in: "engine", hint: "TestAppendOnceInParallel",
			old: `		f := w.flights[id]
		if f == nil {`,
			fresh: `		f := w.flights[id]
		if f == nil || f.hash == hash {`,
		},
		{
			name: "engine: what failed in the log is success", in: "engine", hint: "TestFaults$",
			old:   `c.appendAndPublish(ctx, r.Kind(), payload, x); err != nil {`,
			fresh: `c.appendAndPublish(ctx, r.Kind(), payload, x); err != nil && lsn != 0 {`,
		},
		{
			name: "engine: an unknown outcome says that nothing was stored", in: "engine", hint: "TestFaults$",
			old:   `		{wal.ErrOutcomeUnknown, ErrOutcomeUnknown},`,
			fresh: `		{wal.ErrOutcomeUnknown, ErrDegraded},`,
		},
		{
			name: "engine: manifest checksums are not looked at", in: "engine", hint: "TestFlips",
			old:   `	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {`,
			fresh: `	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) && len(b) == 0 {`,
		},
		{
			name: "engine: list checksums are not looked at", in: "engine", hint: "TestSalvage$",
			old:   `	case crc != binary.LittleEndian.Uint32(b[len(body):]):`,
			fresh: `	case crc != binary.LittleEndian.Uint32(b[len(body):]) && len(b) == 0:`,
		},
		{
			name: "engine: pack directory checksums are not looked at", in: "engine", hint: "TestFlips",
			old:   `	if crc32.Checksum(b, castagnoli) != crc {`,
			fresh: `	if crc32.Checksum(b, castagnoli) != crc && len(b) == 0 {`,
		},
		{
			name: "engine: a list need not be the one that the manifest names", in: "engine", hint: "TestHostile",
			old:   `	if err == nil && (crc != ref.CRC || int64(len(b)) != ref.size) {`,
			fresh: `	if err == nil && crc != ref.CRC && len(b) == 0 {`,
		},
		{
			name: "engine: a pack of another store or number is taken", in: "engine", hint: "TestHostile|TestSalvageRefuses",
			old: `	if err := checkPackHeader(header, store, ref.number); err != nil {
		return nil, err
	}
`,
			fresh: ``,
		},
		{
			name: "engine: a store without a manifest is a new one", in: "engine", hint: "TestHostileLogAlone",
			old:   `	if k := p.db.checkpointer; k.files.Manifest.Number == 0 {`,
			fresh: `	if k := p.db.checkpointer; k.files.Manifest.Number != k.files.Manifest.Number {`,
		},
		{
			name: "engine: the first manifest is not written", in: "engine", hint: "TestHostile|TestCrash$",
			old:   `	return f.Commit(&Manifest{})`,
			fresh: `	return nil`,
		},
		{
			name: "engine: a failed sync of a directory is forgotten", in: "engine", hint: "TestFault",
			old: `	if err != nil && !passes(err) {
		return f.Fail(err)
	}
	return err`,
			fresh: `	_ = err
	return nil`,
		},
		{
			name: "engine: checkpoints end for good on a full disk", function: "Commit", in: "engine", hint: "TestNoSpace|TestDiskFull",
			old: `	if err := vfs.ReplaceFile(f.fs, f.dir, name, content); err != nil {
		return err
	}`,
			fresh: `	if err := vfs.ReplaceFile(f.fs, f.dir, name, content); err != nil {
		return f.Fail(err)
	}`,
		},
		{
			name: "engine: a full disk gets no checkpoint", in: "engine", hint: "TestDiskFull",
			old: `	if errors.Is(err, wal.ErrNoSpace) {
		db.background.askCheckpoint()
	}
}`,
			fresh: `	_ = errors.Is
}`,
		},
		{
			name: "engine: what a failed checkpoint has sealed is lost to the next", in: "engine", hint: "TestNoSpace|TestFaults",
			old: `	if err != nil {
		return k.files.Tidy(err)
	}`,
			fresh: `	if err != nil {
		k.unsaved = nil
		return k.files.Tidy(err)
	}`,
		},
		{
			name: "engine: a failed checkpoint loses the keys that it took", in: "engine", hint: "TestNoSpace|TestFaults",
			old: `	err := k.writeLists(&next, k.env.Clock.Read(), k.env.KeysMax, k.env.Quarantine)`,
			fresh: `	err := k.writeLists(&next, k.env.Clock.Read(), k.env.KeysMax, k.env.Quarantine)
	k.keys = nil`,
		},
		{
			name: "engine: a leftover pack is taken over", function: "Commit", in: "engine", hint: "TestCrash",
			old: `	next.lastFile = f.LastFile
`,
			fresh: ``,
		},
		{
			name: "engine: a checkpoint covers what could not be published", in: "engine", hint: "TestUnpublished",
			old:   `		if unpublished = k.env.Failure(); unpublished == nil {`,
			fresh: `		if unpublished = nil; unpublished == nil {`,
		},
		{
			name: "engine: what could not be published is acknowledged", in: "engine", hint: "TestUnpublished",
			old:   `	if err == nil && unpublished != nil {`,
			fresh: `	if err != nil && unpublished != nil {`,
		},
		{
			name: "engine: edited months are not in the checkpoint", in: "engine", hint: "TestCrash$/actuals",
			old:   `		k.edited[d] = true`,
			fresh: `		_ = d`,
		},
		{
			name: "engine: a lag is taken from when the actual came", in: "engine", hint: "TestOperations|TestActuals$",
			old:   `observed: orDefault(a.Observed[row], now.latest())}`,
			fresh: `observed: orDefault(now.latest(), now.latest())}`,
		},
		{
			name: "engine: remembered actuals are not in the checkpoint", in: "engine", hint: "TestCrash$/actuals",
			old: `		k.actuals = c.Actuals
`,
			fresh: ``,
		},
		{
			name: "engine: an actual of one version goes to all", in: "engine", hint: "TestScopes",
			old:   `	return (c.scope.Version == "" || `,
			fresh: `	return (c.scope.Version != "-" || `,
		},
		{
			name: "engine: a row does not get the actual that came before it", in: "engine", hint: "TestOrderOfRowAndActual",
			old: `		p.recall(o, r.name, i, end)
`,
			fresh: ``,
		},
		{
			name: "engine: a row that is later than all is looked for alone", in: "engine", hint: "TestOrderOfRowAndActual",
			old:   `o.times[known] <= r.last {`,
			fresh: `o.times[known] < r.last {`,
		},
		{
			name: "engine: a row sent again without its actual loses it", in: "engine", hint: "TestOrderOfRowAndActual|TestOperations",
			old: `		if c.known {
			now.actual`,
			fresh: `		now.known = c.known
		if c.known {
			now.actual`,
		},
		{
			name: "engine: a correction of a sealed row is not in the checkpoint", in: "engine", hint: "TestCrash$/actuals",
			old: `		if edits.sealed {
			edited(mo)
		}
`,
			fresh: ``,
		},
		{
			name: "engine: a sealed row sent again is not in the checkpoint", in: "engine", hint: "TestRowsSentAgain|TestOperations",
			old: `	if edits.sealed {
		p.noteEdited(r.model, r.month)
	}
`,
			fresh: ``,
		},
		{
			name: "engine: a correction beside a merge is lost", in: "engine", hint: "TestEditsBesideCheckpoints",
			old: `			edits.month.MergeRedo.Note(series, r.Time, c.ID, &c.change)
`,
			fresh: ``,
		},
		{
			name: "engine: a correction beside a seal is lost", in: "engine", hint: "TestEditsBesideCheckpoints",
			old: `		mo.SealRedo.note(r.Series(), r.Time(), id, c)
`,
			fresh: ``,
		},
		{
			name: "engine: a row sent again beside a merge is lost", in: "engine", hint: "TestEditsBesideCheckpoints",
			old: `		edits.month.MergeRedo.note(rows.Series, r.Time, rc.keys[key].ID, &c)
`,
			fresh: ``,
		},
		{
			name: "engine: a lag is lost", in: "engine", hint: "TestOperations",
			old:   `			now.lag = max(c.observed-ts, 0)`,
			fresh: `			now.lag = 0`,
		},
		{
			name: "engine: the sketches of a head stay without the actual that joined", in: "engine", hint: "TestReportsFollowActuals",
			old: `	l.setLag(i, c.lag)
	l.sketches.forget()
`,
			fresh: `	l.setLag(i, c.lag)
`,
		},
		{
			name: "engine: the memory of actuals has no bound", in: "engine", hint: "TestActualsMemory",
			old:   `p.actuals.Shrink(p.env.ActualsBytes,`,
			fresh: `p.actuals.Shrink(1<<40,`,
		},
		{
			name: "engine: what a deletion leaves of a segment is not in the checkpoint", in: "engine", hint: "TestCrash$/delete|TestOperations",
			old: `			if done.Sealed {
				p.noteEdited(m, mo)
			}
`,
			fresh: ``,
		},
		{
			name: "engine: a segment that a deletion has dropped is back after a restart", in: "engine", hint: "TestCrash$/delete|TestOperations",
			old: `	k.retireDropped(&next)
`,
			fresh: ``,
		},
		{
			name: "engine: a segment that several deletions have emptied is dropped by the last", in: "engine", hint: "TestDeletionBesideCheckpoint",
			old: `			d.work += deleteEdgesWork + deleted.Blocks
		}
	}
`,
			fresh: `			d.work += deleteEdgesWork + deleted.Blocks
		}
	}
	if sg.left() == 0 {
		d.drop(sg)
	}
`,
		},
		{
			name: "engine: a deletion beside a merge is lost", in: "engine", hint: "TestEditsBesideCheckpoints",
			old: `		mo.MergeRedo.noteDeletion(rows)
`,
			fresh: ``,
		},
		{
			name: "engine: rows that are sent while all models lose some do not wait for it", in: "engine", hint: "TestDeletionsHold",
			old:   `	held := d.all > 0 || r.OfAllModels()`,
			fresh: `	held := r.OfAllModels()`,
		},
		{
			name: "engine: a deletion in all models does not wait for rows that came before it", in: "engine", hint: "TestDeletionsHold",
			old:   `	held := d.all > 0 || r.OfAllModels()`,
			fresh: `	held := d.all > 0`,
		},
		{
			name: "engine: deleted rows stay in packs with others", in: "engine", hint: "TestDeletedIsGone",
			old: `				next.Purge(k.packs(), k.deleted.Touches)
`,
			fresh: ``,
		},
		{
			name: "segment: the nodes above deleted blocks keep their sums", in: "segment", hint: "TestEdits",
			old: `		s.sumAbove(series, first, end)
`,
			fresh: ``,
		},
		{
			name: "segment: a hash decides which row is meant", in: "segment", hint: "TestFindIDs",
			old:   `	if err != nil || !bytes.Equal(c.IDs.At(at.Row), id) {`,
			fresh: `	if err != nil || bytes.Equal(nil, id) {`,
		},
		{
			name: "segment: the sketches of a segment stay without its edits", in: "segment", hint: "TestEdits",
			old: `	s.forgetSketches(series, block, block+1)
`,
			fresh: ``,
		},
		{
			name: "engine: lists of earlier versions are refused", in: "engine", hint: "TestOldStores$",
			old:   `version == 0 || version > listKind[kind].version:`,
			fresh: `version != listKind[kind].version:`,
		},
		{
			name: "engine: a list of a later version is taken for one of today", in: "engine", hint: "TestNewerStores",
			old:   `version == 0 || version > listKind[kind].version:`,
			fresh: `version == 0:`,
		},
		{
			name: "engine: what a checkpoint commits does not count as used space", in: "engine", hint: "TestDisk$|TestOperations",
			old: `	f.unsettled, f.firstSpilled = false, 0
	f.use(next)`,
			fresh: `	f.unsettled, f.firstSpilled = false, 0
	f.Manifest = *next`,
		},
		{
			name: "engine: the idempotency window forgets with each checkpoint", in: "engine", hint: "TestAppendOnce$",
			old: `	added := w.added
	w.added = nil
`,
			fresh: `	added := w.added
	w.added = nil
	clear(w.entries)
`,
		},
		{
			name: "engine: two processes may open one store where LOCK was removed", in: "internal/vfs", hint: "TestClaimOnce",
			old:   `	for _, name := range []string{c.path, c.lockName} {`,
			fresh: `	for _, name := range []string{c.lockName} {`,
		},
		{
			name: "vfs: a sync is reported whatever became of the directory", in: "internal/vfs", hint: "TestClaim",
			old: `	return f.claim.leads()
}`,
			fresh: `	return nil
}`,
		},
		{
			name: "vfs: a name is changed without a look at the directory", in: "internal/vfs", hint: "TestClaim",
			old: `	if err := c.stands(); err != nil {
		return err
	}
	return c.Dir.Rename(oldName, newName)`,
			fresh: `	return c.Dir.Rename(oldName, newName)`,
		},
		{
			name: "engine: a sweep removes what is pinned", in: "engine", hint: "TestPinned|TestBackupBesideAppends",
			old:   `	if x.by > 0 && !x.unlisted {`,
			fresh: `	if x.by = 0; x.by > 0 && !x.unlisted {`,
		},
		{
			name: "engine: memory that is read is let go before there is a pinned pack", in: "engine", hint: "TestPinnedSegments",
			old:   `s.InPack() && !s.Small() && s.held.Load() == 0`,
			fresh: `s.InPack() && !s.Small()`,
		},
		{
			name: "engine: a backup has the packs alone, without the log of their time", in: "engine", hint: "TestBackupBesideAppends",
			old:   `db.log.Parts(k.files.Manifest.Covered, upTo)`,
			fresh: `db.log.Parts(upTo, upTo)`,
		},
		{
			name: "engine: a snapshot is written before its objects", in: "engine", hint: "TestBackupCrash|TestBackupOfASource",
			old: `	for i := range m.Files {
		if next.Sums[i], err`,
			fresh: `	if err := put(t.place, snapshotName(next.Number), next.encode()); err != nil {
		return err
	}
	for i := range m.Files {
		if next.Sums[i], err`,
		},
		{
			name: "engine: what an interrupted backup has left is taken unread", in: "engine", hint: "TestBackup",
			old:   `	if there && !isKnown {`,
			fresh: `	if there && !isKnown && ctx == nil {`,
		},
		{
			name: "engine: objects go before the snapshots that name them", in: "engine", hint: "TestBackupCrash",
			old: `	if err := t.place.Remove(names...); err != nil {
		return err
	}
	named := sumsOf(kept)`,
			fresh: `	defer func() { _ = t.place.Remove(names...) }()
	named := sumsOf(kept)`,
		},
		{
			name: "engine: the id of a restored store comes first", in: "engine", hint: "TestRestoreCrash",
			old: `	for i := range r.snapshot.Files {
		f := &r.snapshot.Files[i]`,
			fresh: `	if err := put(r.to, store.IDName, store.EncodeID(r.snapshot.Store)); err != nil {
		return err
	}
	for i := range r.snapshot.Files {
		f := &r.snapshot.Files[i]`,
		},
		{
			name: "engine: a damaged file is restored", in: "engine", hint: "TestBackupFlips",
			old: `	if err == nil && crc != sum {
		err = errCheck
	}
	if err == nil {
		err = r.readBack(ctx, f, sum)
	}`,
			fresh: `	if err == nil {
		err = r.readBack(ctx, f, crc)
	}`,
		},
		{
			name: "rows: a leaf that a view shares is changed in place", in: "engine", hint: "TestViews",
			old:   `	if l.shared || !h.owns(l) {`,
			fresh: `	if !h.owns(l) {`,
		},
		{
			name: "rows: a snapshot has requests in part", in: "engine", hint: "TestBetween",
			old: `	p.endDeferred()
	do()`,
			fresh: `	do()`,
		},
		{
			name: "rows: a snapshot has what came after its moment", in: "engine", hint: "TestOperations",
			old: `	o, m := x.ordered, r.model
	m.lockToChange()`,
			fresh: `	o, m := x.ordered, r.model
	m.Mu.Lock()`,
		},
		{
			name: "rows: no row at the edge of a window is looked at", in: "engine", hint: "TestManyRows",
			old:   `	return a.MinTime >= q.From && a.MaxTime < q.To &&`,
			fresh: `	return a.MaxTime >= q.From && a.MinTime < q.To &&`,
		},
		{
			name: "rows: equal rows of two sources are in the order of the sources", in: "engine", hint: "TestManyRows",
			old:   `	if p.source != q.source || (p.at == wholePiece) != (q.at == wholePiece) {`,
			fresh: `	if p.source != q.source && p.at == wholePiece && p.rows == 0 {`,
		},
		{
			name: "rows: files that a reader needs are removed", in: "engine", hint: "TestSlowReader",
			old: `		if !sg.Source.Small() {
			s.pin.Hold(sg.Source)
		}
`,
			fresh: ``,
		},
		{
			name: "retention: a shorter prefix goes before a longer one", in: "engine", hint: "TestRetentionOfModels$",
			old:   `cmp.Compare(len(b.prefix), len(a.prefix))`,
			fresh: `cmp.Compare(len(a.prefix), len(b.prefix))`,
		},
		{
			name: "retention: every model is dropped by the retention of all", in: "engine", hint: "TestRetentionOfModels$",
			old:   `		kept := k.env.Retention.Of(name)`,
			fresh: `		kept := k.env.Retention.Of("")`,
		},
		{
			name: "retention: what is kept for ever is taken as if it were not", in: "engine", hint: "TestRetentionOfModels$",
			old:   `		if k.longest > 0 && (r.Keep == 0 || r.Keep > k.longest) {`,
			fresh: `		if k.longest > 0 && r.Keep > k.longest {`,
		},
		{
			name: "retention: rows between the shortest and the longest are taken of every model", in: "event", hint: "TestOldestOf$",
			old:   `	if d.rules.Within != nil || d.row.time < d.rules.KeptByAll {`,
			fresh: `	if d.rules.Within != nil {`,
		},
		{
			name: "engine: an actual is overdue later", in: "engine", hint: "TestStatesOracle",
			old:   `LagShare = 0.75`,
			fresh: `LagShare = 0.9`,
		},
		{
			name: "engine: predictions are due up to now", in: "engine", hint: "TestStatesOracle",
			old:   `slack = 30 * time.Minute`,
			fresh: `slack = 0 * time.Minute`,
		},
		{
			name: "engine: the better of two weeks is due", in: "engine", hint: "TestStatesOracle",
			old:   `return (float64(answers[0].Rows) + float64(answers[1].Rows)) / 2`,
			fresh: `return float64(max(answers[0].Rows, answers[1].Rows))`,
		},
		{
			name: "engine: a young version is not held to the day before", in: "engine", hint: "TestStatesOracle",
			old:   `due = min(due, float64(answers[2].Rows))`,
			fresh: `due = min(due, due)`,
		},
		{
			name: "engine: totals count versions for models", in: "engine", hint: "TestStatesOracle",
			old:   `if c.model != model {`,
			fresh: `if c.model != model || c.versions > 0 {`,
		},
		{
			name: "windows: a recent window reaches into what it is compared with", in: "engine/internal/windows", hint: "TestSpans",
			old:   `earliest = max(earliest, base.ClampMilli(l.To))`,
			fresh: `earliest = max(earliest, earliest)`,
		},
	}
}

func all() []mutant {
	return slices.Concat(walMutants(), engineMutants(), fileMutants(), tokenMutants(), answerMutants(), connectorMutants(), deploymentMutants(), repeatMutants())
}
