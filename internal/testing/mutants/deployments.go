package main

// deploymentMutants are bugs on the way from the files of a project to a live one.
func deploymentMutants() []mutant {
	return []mutant{
		{
			name: "deployments: what is live is written before its files are there", in: "project", hint: "TestCrash$",
			old: `	if err := d.fs.SyncDir(d.path); err != nil {
		return doubted(err)
	}
	if err := vfs.ReplaceFile(d.fs, d.path, stateName, c.state); err != nil {`,
			fresh: `	if err := vfs.ReplaceFile(d.fs, d.path, stateName, c.state); err != nil {`,
		},
		{
			name: "deployments: what is live is answered before it is synced", in: "project", hint: "TestCrash$",
			old: `	if err := d.fs.SyncDir(d.path); err != nil {
		return doubted(err)
	}
	d.sweep(c.kept)`,
			fresh: `	d.sweep(c.kept)`,
		},
		{
			name: "deployments: a store in doubt goes back", in: "project", hint: "TestFaults$",
			old: `	if s.doubt != nil {
		return nil, s.doubt
	}
	d, err := s.find(id)`,
			fresh: `	d, err := s.find(id)`,
		},
		{
			name: "deployments: a list moves a deployment away from what it was checked against", in: "project", hint: "TestListingWhileDeploying$",
			old: `	if !d.mu.TryLock() {
		return nil
	}
	defer d.mu.Unlock()
	return d.store.Refresh()`,
			fresh: `	return d.store.Refresh()`,
		},
		{
			name: "deployments: what another server has live is not looked at before a deploy", in: "project", hint: "TestShared$",
			old: `	if err := d.store.Refresh(); err != nil {
		return nil, err
	}
	out, candidate, err := d.check(files`,
			fresh: `	out, candidate, err := d.check(files`,
		},
		{
			name: "deployments: of two servers the one that changes what is deployed last wins", in: "project", hint: "TestSharedAtOnce$",
			old:   `	case !done:`,
			fresh: `	case !done && c == nil:`,
		},
		{
			name: "deployments: what waits stays beside what is deployed behind it", in: "project", hint: "TestKept$",
			old:   `append(without(next.Kept, next.Staged), d.ID)`,
			fresh: `append(next.Kept, d.ID)`,
		},
		{
			name: "deployments: a data source is left out without being allowed", in: "project", hint: "TestDeployer$",
			old:   `if !destructive {`,
			fresh: `if destructive {`,
		},
		{
			name: "deployments: a check stores", in: "project", hint: "TestDeployer$",
			old:   `if err != nil || candidate == nil || wish.Check {`,
			fresh: `if err != nil || candidate == nil {`,
		},
	}
}
