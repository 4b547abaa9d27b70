package main

// connectorMutants are bugs in what is read outside, and in the positions that are stored with it.
func connectorMutants() []mutant { //nolint:funlen // a table
	return []mutant{
		{
			name: "kafka: the position is one message too far", in: "source", hint: "TestKafkaBeginsWhereItEnded",
			old:   `return position{r.Offset + 1, r.LeaderEpoch}`,
			fresh: `return position{r.Offset + 2, r.LeaderEpoch}`,
		},
		{
			name: "kafka: the position is the last message", in: "source", hint: "TestKafkaBeginsWhereItEnded",
			old:   `return position{r.Offset + 1, r.LeaderEpoch}`,
			fresh: `return position{r.Offset, r.LeaderEpoch}`,
		},
		{
			name: "kafka: a partition that failed is read again from what is stored", in: "source", hint: "TestKafkaFailedPartition",
			old:   `at, have, p.stored = failed.read, true, failed.stored`,
			fresh: `at, have, p.stored = failed.stored, true, failed.stored`,
		},
		{
			name: "kafka: what is read counts as stored before it is", in: "source", hint: "TestKafkaFailedPartition",
			old: `			if err := l.session.feed.Store(ctx, filled.Load); err != nil {
				return err
			}
			l.session.stored(filled)
`,
			fresh: `			l.session.stored(filled)
			if err := l.session.feed.Store(ctx, filled.Load); err != nil {
				return err
			}
`,
		},
		{
			name: "kafka: a null value is an event", in: "source", hint: "TestKafkaMessages",
			old: `		if r.Value == nil {
			skipped++
			continue
		}
`,
			fresh: ``,
		},
		{
			name: "kafka: the number of the schema is left before the value", in: "source", hint: "TestKafkaMessages",
			old:   `value = value[5:]`,
			fresh: `value = value[1:]`,
		},
		{
			name: "kafka: latest is another place at each start", in: "source", hint: "TestKafkaLatest",
			old:   `if from != at || !have {`,
			fresh: `if from != at && have {`,
		},
		{
			name: "kafka: messages that are gone are not counted", in: "source", hint: "TestKafkaLosesHistory",
			old:   `return position{in.start, -1}, in.start - p.offset`,
			fresh: `return position{in.start, -1}, 0`,
		},
		{
			name: "connector: rows are stored without their position", in: "source", hint: "TestKafkaBeginsWhereItEnded",
			old:   `origin := engine.Origin{Source: f.Source, Positions: l.positions}`,
			fresh: `origin := engine.Origin{Source: f.Source}`,
		},
		{
			name: "connector: what the store refuses is dropped", in: "source", hint: "TestKafkaFailedPartition",
			old: `		f.paused(err)
		if err := pause.Wait(ctx); err != nil {
			return err
		}
`,
			fresh: `		f.paused(err)
		l.Reset()
		if err := pause.Wait(ctx); err != nil {
			return err
		}
`,
		},
		{
			name: "files: an object that was overwritten is the version of before", in: "source", hint: "TestEachVersionOnce",
			old:   `same := p.version == o.version`,
			fresh: `same := p.version != ""`,
		},
		{
			name: "s3: what is sent is taken for the version that was asked for", in: "source", hint: "TestChangedWhileRead",
			old:   `sent, _ := version(info.ETag); sent != o.version {`,
			fresh: `sent, _ := version(info.ETag); sent == "" {`,
		},
		{
			name: "files: a file that was overwritten in its place is the version that was opened", in: "source", hint: "TestFileThatIsOverwritten",
			old:   `if fileVersion(info) != v.version {`,
			fresh: `if info.Size() == 0 {`,
		},
		{
			name: "files: what a folder that may not be read holds is forgotten", in: "source", hint: "TestLeftOutIsNotForgotten",
			old:   `if found > 0 && skipped == nil {`,
			fresh: `if found > 0 {`,
		},
		{
			name: "files: an ETag that nothing matches is asked for", in: "source", hint: "TestETags",
			old:   `case weak:`,
			fresh: `case weak && strong == "":`,
		},
		{
			name: "files: lines in front of an error are lost", in: "source", hint: "TestCutOff",
			old:   `case l.err != nil && end == 0:`,
			fresh: `case l.err != nil:`,
		},
		{
			name: "kafka: messages that come again are taken again", in: "source", hint: "TestTakesNothingAgain",
			old:   `for len(records) > 0 && records[0].Offset < p.read.offset && records[0].LeaderEpoch == p.read.epoch {`,
			fresh: `for len(records) > 0 && records[0].Offset < 0 {`,
		},
		{
			name: "kafka: the group is told what is not stored", in: "source", hint: "TestKafkaFailedPartition",
			old: `if at, ok := s.committed[number]; !ok || at != p.stored.offset {
			offsets.AddOffset(s.config.Topic, number, p.stored.offset, p.stored.epoch)`,
			fresh: `if at, ok := s.committed[number]; !ok || at != p.read.offset {
			offsets.AddOffset(s.config.Topic, number, p.read.offset, p.read.epoch)`,
		},
		{
			name: "connector: a full disk does not pass", in: "source", hint: "TestPasses",
			old:   `errors.Is(err, engine.ErrNoSpace) ||`,
			fresh: ``,
		},
		{
			name: "connector: attempts come as soon as the first one", in: "source", hint: "TestBackoff",
			old:   `b.next = 2 * d`,
			fresh: `b.next = d`,
		},
		{
			name: "connector: a lag of which nothing is known is 0", in: "source", hint: "TestLagIsNotKnown",
			old:   `if !r.lags {`,
			fresh: `if r.stopped {`,
		},
		{
			name: "files: once is over while files change", in: "source", hint: "TestOnceIsWhenAllIsRead",
			old:   `return !s.young && s.changed == nil && s.later == nil`,
			fresh: `return !s.young && s.later == nil`,
		},
		{
			name: "files: once is over while files may be readable later", in: "source", hint: "TestOnceIsWhenAllIsRead",
			old:   `return !s.young && s.changed == nil && s.later == nil`,
			fresh: `return !s.young && s.changed == nil`,
		},
		{
			name: "quarantine: the source with the fewest rejects loses them", in: "engine", hint: "TestQuarantineIsShared",
			old:   `if of > size || of == size && source < most {`,
			fresh: `if size < 0 || of < size {`,
		},
		{
			name: "files: reading goes on a byte too late", in: "source", hint: "TestCrashes",
			old:   `raw, err := o.place.open(ctx, file, behind.offset)`,
			fresh: `raw, err := o.place.open(ctx, file, behind.offset+1)`,
		},
		{
			name: "files: a compressed file is read on from its beginning", in: "source", hint: "TestCrashes",
			old:   `err = c.lines.skip(behind.lines)`,
			fresh: `err = c.lines.skip(0)`,
		},
		{
			name: "files: a line that is too long is not counted", in: "source", hint: "TestLines",
			old:   `l.count, l.offset = l.count+1, l.offset+passed`,
			fresh: `l.count, l.offset = l.count+0, l.offset+passed`,
		},
		{
			name: "connectors: a server that cannot say that it fetches goes on", in: "cmd/residual", hint: "TestTurns$",
			old:   `if len(t.held) > 0 && begin.Sub(t.renewed) > turnLasts {`,
			fresh: `if len(t.held) > 0 && begin.Sub(t.renewed) > 100*turnLasts {`,
		},
	}
}
