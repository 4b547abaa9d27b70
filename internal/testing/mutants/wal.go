package main

// walMutants are bugs in the log.
func walMutants() []mutant { //nolint:funlen // a table
	return []mutant{
		{
			name: "wal: acknowledge without a sync", in: "wal", hint: "TestCrash$",
			old:   `if err == nil && w.opts.Sync == SyncAlways {`,
			fresh: `if err == nil && w.opts.Sync == SyncNever {`,
		},
		{
			name: "wal: fdatasync that does nothing", in: "wal", hint: "TestCrash$",
			old:   `err := w.cur.file.SyncData()`,
			fresh: `err := error(nil)`,
		},
		{
			name: "wal: no padding of groups to blocks", in: "wal", hint: "TestCrash$",
			old:   `if n := padSize(w.cur.off); n > 0 {`,
			fresh: `if n := padSize(w.cur.off); n < 0 {`,
		},
		{
			name: "wal: a failed sync does not poison", in: "wal", hint: "TestPoison",
			old:   `	w.queue.poison(w.poison)`,
			fresh: `	w.poison = nil`,
		},
		{
			name: "wal: a failed sync is acknowledged", in: "wal", hint: "TestFaults$",
			old:   `		fail(run, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))`,
			fresh: `		_ = fmt.Sprint()`,
		},
		{
			name: "wal: a failed write or sync says that nothing was written", in: "wal", hint: "TestFaults$",
			old:   `		fail(run, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))`,
			fresh: `		fail(run, w.poison)`,
		},
		{
			name: "wal: records behind a failure are not failed", in: "wal", hint: "TestPoison",
			old: `	if w.poison != nil {
		fail(rest, w.poison)
	}`,
			fresh: ``,
		},
		{
			name: "wal: publish before the write", in: "wal", hint: "TestOrder",
			old: `	err := w.append(g.buf[run[0].start:run[len(run)-1].end])
`,
			fresh: `	for i := range run {
		if e := &run[i]; e.publish != nil {
			e.publish(e.lsn)
			e.publish = nil
		}
	}
	err := w.append(g.buf[run[0].start:run[len(run)-1].end])
`,
		},
		{
			name: "wal: acknowledge before publishing", in: "wal", hint: "TestOrder",
			old: `			e := &g.entries[i]
			switch {`,
			fresh: `			e := &g.entries[i]
			e.done <- e.err
			e.done = make(chan error, 1)
			switch {`,
		},
		{
			name: "wal: testimony to what is not synced yet", in: "wal", hint: "TestCrash$",
			old:   `syncedOff: w.cur.synced, kind: kind,`,
			fresh: `syncedOff: w.cur.off, kind: kind,`,
		},
		{
			name: "wal: no sync mark at the end", in: "wal", hint: "TestFlips|TestIdle",
			old: `	if w.poison == nil {
		w.check(w.mark())
	}`,
			fresh: ``,
		},
		{
			name: "wal: a new file is not synced", in: "wal", hint: "TestCrash$",
			old:   `	return end, f.Sync()`,
			fresh: `	return end, nil`,
		},
		{
			name: "wal: the directory of a new file is not synced", in: "wal", hint: "TestCrash$",
			old: `	if err := d.fs.SyncDir(d.path); err != nil {
		_ = f.Close()
		return nil, err
	}
`,
			fresh: ``,
		},
		{
			name: "wal: the directory of the log is not synced", in: "wal", hint: "TestCrash$",
			old: `	if err := r.dir.fs.SyncDir(filepath.Dir(r.dir.path)); err != nil {
		return err
	}
`,
			fresh: `	_ = filepath.Dir
`,
		},
		{
			name: "wal: records go to the next file before the old one is synced", in: "wal", hint: "TestCrash$",
			old: `	err := w.sync()
	if err == nil {
		err = w.syncData()
	}
	if err != nil {
		w.check(err)
		return w.poison
	}
	old := w.cur`,
			fresh: `	old := w.cur`,
		},
		{
			name: "wal: an ended file is synced once", in: "wal", hint: "TestLateErrors|TestFaults$",
			old: `	if err == nil {
		err = w.syncData()
	}
`,
			fresh: ``,
		},
		{
			name: "wal: no end record", in: "wal", hint: "TestRefuse|TestMisplaced|TestTruncated",
			old: `	if err := w.appendOwn(typeEnd, blockSize); err != nil {
		return err
	}
`,
			fresh: ``,
		},
		{
			name: "wal: the tail is not written anew at a restart", in: "wal", hint: "TestCrash$|TestFaults$",
			old: `	h := r.header
	h.length`,
			fresh: `	h := r.header
	if f, err := r.dir.fs.Open(r.dir.join(logName(h.number))); err == nil {
		return &logFile{
			file: f, path: r.dir.join(logName(h.number)), header: h, off: r.end.end,
			limit: h.length - reserveBytes, synced: r.end.end,
		}, r.end.CRC, nil
	}
	h.length`,
		},
		{
			name: "wal: the torn tail is not kept", in: "wal", hint: "TestBroken",
			old:   `	if r.found.TornBytes > 0 && r.found.BrokenFile == "" {`,
			fresh: `	if r.found.TornBytes < 0 && r.found.BrokenFile == "" {`,
		},
		{
			name: "wal: record checksums are not looked at", in: "wal", hint: "TestFlips|TestCrash$",
			old:   `castagnoli, frame[recordHeaderSize:]) != recordCRC(frame) {`,
			fresh: `castagnoli, frame[recordHeaderSize:]) != recordCRC(frame) && len(frame) == 0 {`,
		},
		{
			name: "wal: record header checksums are not looked at", in: "wal", hint: "TestFlips|TestCrash$",
			old:   `	if crc32.Update(seed, castagnoli, b[offLen:offHeaderCRC]) != le.Uint32(b[offHeaderCRC:]) {`,
			fresh: `	if crc32.Update(seed, castagnoli, b[offLen:offHeaderCRC]) != le.Uint32(b[offHeaderCRC:]) && len(b) == 0 {`,
		},
		{
			name: "wal: file header checksums are not looked at", in: "wal", hint: "TestFlips",
			old:   `	if crc32.Checksum(b[:offFileCRC], castagnoli) != le.Uint32(b[offFileCRC:]) {`,
			fresh: `	if crc32.Checksum(b[:offFileCRC], castagnoli) != le.Uint32(b[offFileCRC:]) && len(b) == 0 {`,
		},
		{
			name: "wal: records need not follow each other", in: "wal", hint: "TestContradictions|TestCrash$",
			old:   `	case h.prevCRC != s.crc:`,
			fresh: `	case h.prevCRC != s.crc && h.lsn == 0:`,
		},
		{
			name: "wal: records of other files are taken", in: "wal", hint: "TestContradictions|TestMisplaced",
			old:   `	case h.file != s.number:`,
			fresh: `	case h.file != s.number && h.lsn == 0:`,
		},
		{
			name: "wal: proof that damage was acknowledged is not looked for", in: "wal", hint: "TestFlips",
			old:   `	if tail.syncedOff <= s.off && end <= s.off {`,
			fresh: `	if end <= s.off {`,
		},
		{
			name: "wal: a file need not end where the next one says", in: "wal", hint: "TestFlips|TestRefuse|TestMisplaced",
			old:   `	if end != (fileEnd{}) && end != r.prev {`,
			fresh: `	if end != (fileEnd{}) && end.end != r.prev.end && end.Position != r.prev.Position {`,
		},
		{
			name: "wal: the log need not follow the checkpoint", in: "wal", hint: "TestRefuse|TestMisplaced",
			old:   `isFirst && h.prev.Position != r.prev.Position {`,
			fresh: `isFirst && h.prev.Position != r.prev.Position && number == 0 {`,
		},
		{
			name: "wal: a missing file in the middle is not missed", in: "wal", hint: "TestRefuse|TestMisplaced",
			old:   `		for ; next < number; next++ {`,
			fresh: `		for ; next < number && number == 0; next++ {`,
		},
		{
			name: "wal: a full disk poisons", in: "wal", hint: "TestDiskFull|TestRotateOnFullDisk",
			old:   `err = fmt.Errorf("%s: %w", temp, err); vfs.IsNoSpace(err) {`,
			fresh: `err = fmt.Errorf("%s: %w", temp, err); vfs.IsNoSpace(nil) {`,
		},
		{
			name: "vfs: a short write is a write", in: "internal/vfs", hint: "TestWriteFull",
			old:   `	if err == nil && n < len(p) {`,
			fresh: `	if err == nil && n < 0 {`,
		},
		{
			name: "vfs: a file is renamed before it is synced", in: "internal/vfs", hint: "TestWriteFileAtomic",
			old: `	if err == nil {
		err = f.Sync()
	}
	err = errors.Join`,
			fresh: `	err = errors.Join`,
		},
	}
}
