package main

// repeatMutants are bugs in how a body that comes a second time is known.
func repeatMutants() []mutant {
	return []mutant{
		{
			name: "httpapi: a body is a repetition after a deletion", in: "httpapi", hint: "TestRepeatedAppend$",
			old:   `r.first, r.epoch = nil, now.UnixNano()`,
			fresh: `r.epoch = now.UnixNano()`,
		},
		{
			name: "httpapi: a body is a repetition of another holder's", in: "httpapi", hint: "TestRepeatedAppendOfAnother$",
			old:   `who.Name + "\x00" + who.Within + "\x00" + source + "\x00" + string(hash[:])`,
			fresh: `who.Within + "\x00" + source + "\x00" + string(hash[:])`,
		},
	}
}
