package main

// connectorMutants are bugs in what is read outside, and in the positions that are stored with it.
func connectorMutants() []mutant {
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
			old:   `at, have = p.read, true`,
			fresh: `at, have = p.stored, true`,
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
			old:   `if version(info.ETag) != o.version {`,
			fresh: `if version(info.ETag) == "" {`,
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
	}
}
