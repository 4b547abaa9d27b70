package deployments_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// fakeShared is texts in memory, each change of which takes place as a whole.
type fakeShared struct {
	texts   map[string]string
	version uint64
	// away is what reading and changing fails with; unknown fails a change behind it. beforeChange and beforeRead are called once.
	away, unknown            error
	beforeChange, beforeRead func()
}

func once(f *func()) {
	if do := *f; do != nil {
		*f = nil
		do()
	}
}

func (f *fakeShared) Read(names ...string) (map[string]string, uint64, error) {
	if strings.HasPrefix(names[0], "deployment-") {
		once(&f.beforeRead)
	}
	found := map[string]string{}
	for _, name := range names {
		if text, ok := f.texts[name]; ok {
			found[name] = text
		}
	}
	return found, f.version, f.away
}

func (f *fakeShared) Sizes() (map[string]int64, error) {
	sizes := map[string]int64{}
	for name, text := range f.texts {
		sizes[name] = int64(len(text))
	}
	return sizes, f.away
}

func (f *fakeShared) Replace(version uint64, texts map[string]string) (bool, error) {
	once(&f.beforeChange)
	if f.away != nil || version != f.version {
		return false, f.away
	}
	f.version++
	for name, text := range texts {
		if f.texts[name] = text; text == "" {
			delete(f.texts, name)
		}
	}
	return f.unknown == nil, f.unknown
}

// servers are two that share what is deployed.
func servers(t *testing.T) (shared *fakeShared, all [2]*deployments.Deployer, hosts [2]*fakeHost) {
	t.Helper()
	shared = &fakeShared{texts: map[string]string{}}
	for i := range all {
		hosts[i] = new(fakeHost)
		all[i] = deployments.NewDeployer(deployments.OpenShared(shared), hosts[i], func() time.Time { return testNow })
		_, err := all[i].Resume()
		require.NoError(t, err)
	}
	return shared, all, hosts
}

// TestShared deploys to one server, and has the other follow and go on.
func TestShared(t *testing.T) {
	shared, of, hosts := servers(t)
	deploy := func(i int, w deployments.Deploying) *deployments.Outcome {
		t.Helper()
		out, err := of[i].Deploy(w)
		require.NoError(t, err)
		return out
	}
	follow := func(i, live int, want bool) {
		t.Helper()
		followed, problems, err := of[i].Follow()
		require.NoError(t, err)
		require.Empty(t, problems)
		require.Equal(t, want, followed)
		require.Equal(t, live, of[i].Store().LiveID())
	}
	follow(1, 0, false)
	require.Equal(t, 1, deploy(0, deployments.Deploying{Files: []project.File{source("a", 1), source("b", 1)}, By: "ci"}).Deployment.ID)
	require.Len(t, hosts[0].serves, 1)
	follow(0, 1, false)
	require.Empty(t, hosts[1].serves)
	follow(1, 1, true)
	follow(1, 1, false)
	require.Len(t, hosts[1].serves, 1)
	require.Len(t, hosts[1].serves[0].Datasources, 2)
	require.Equal(t, "ci", of[1].Store().Live().By)

	// What the other has live is what a deployment is compared with, before it is followed too.
	require.Equal(t, 2, deploy(1, deployments.Deploying{Files: []project.File{source("a", 2), source("b", 1)}}).Deployment.ID)
	out := deploy(0, deployments.Deploying{Files: []project.File{source("a", 2)}})
	require.Nil(t, out.Deployment)
	require.Equal(t, []string{"b"}, out.Changes.Deleted[".datasource"])
	require.Equal(t, []string(nil), out.Changes.Changed[".datasource"])
	follow(0, 2, true)
	require.Len(t, hosts[0].serves, 2)

	// One waits, and is promoted by the other; one is dropped by the other; back.
	require.Equal(t, 3, deploy(0, deployments.Deploying{Files: []project.File{source("a", 3), source("b", 1)}, Stage: true}).Deployment.ID)
	follow(1, 2, false)
	_, err := of[1].Promote(3, false, "ops")
	require.NoError(t, err)
	follow(0, 3, true)
	require.Equal(t, 4, deploy(0, deployments.Deploying{Files: []project.File{source("a", 4), source("b", 1)}, Stage: true}).Deployment.ID)
	require.NoError(t, of[1].Discard(4))
	require.ErrorIs(t, of[0].Discard(4), deployments.ErrNotFound)
	_, err = of[0].Promote(1, false, "ops")
	require.NoError(t, err)
	follow(1, 1, true)
	require.Equal(t, []int{1, 2, 3}, of[1].Store().Kept())
	require.Equal(t, []deployments.Life{{1, testNow, "ci"}, {2, testNow, ""}, {3, testNow, "ops"}, {1, testNow, "ops"}}, of[1].Store().Lives())
	require.Len(t, shared.texts, 4)

	// The oldest go, and their texts with them.
	for n := range deployments.KeptMax {
		deploy(n%2, deployments.Deploying{Files: []project.File{source("a", 10+n), source("b", 1)}})
	}
	require.Len(t, shared.texts, deployments.KeptMax+1)
	require.NotContains(t, shared.texts, "deployment-1.json")
}

// TestSharedAtOnce deploys to both servers at once: one of them wins, and the other has changed nothing.
func TestSharedAtOnce(t *testing.T) {
	shared, of, hosts := servers(t)
	shared.beforeChange = func() {
		_, err := of[1].Deploy(deployments.Deploying{Files: []project.File{source("b", 1)}})
		require.NoError(t, err)
	}
	_, err := of[0].Deploy(deployments.Deploying{Files: []project.File{source("a", 1)}})
	require.ErrorIs(t, err, deployments.ErrBusy)
	require.Empty(t, hosts[0].serves)
	_, _, err = of[0].Follow()
	require.NoError(t, err)
	require.Len(t, hosts[0].serves, 1)
	require.Equal(t, "b", hosts[0].serves[0].Datasources[0].Name)
	require.Equal(t, []int{1}, of[0].Store().Kept())

	for _, change := range []func(id int) error{
		func(id int) error { _, err := of[0].Promote(id, false, ""); return err },
		func(id int) error { return of[0].Discard(id) },
	} {
		out, err := of[0].Deploy(deployments.Deploying{Files: []project.File{source("b", 1), source("c", 1)}, Stage: true})
		require.NoError(t, err)
		shared.beforeChange = func() { require.NoError(t, of[1].Discard(out.Deployment.ID)) }
		require.ErrorIs(t, change(out.Deployment.ID), deployments.ErrBusy)
		require.ErrorIs(t, change(out.Deployment.ID), deployments.ErrNotFound)
		require.Equal(t, 1, of[0].Store().LiveID())
	}
}

// TestListingWhileDeploying lists what there is while a deployment is under way: that one stays held to what it was checked against.
func TestListingWhileDeploying(t *testing.T) {
	_, of, hosts := servers(t)
	hosts[0].reading = func() {
		_, err := of[1].Deploy(deployments.Deploying{Files: []project.File{source("b", 1)}})
		require.NoError(t, err)
		require.NoError(t, of[0].Refresh())
	}
	_, err := of[0].Deploy(deployments.Deploying{Files: []project.File{source("a", 1)}})
	require.ErrorIs(t, err, deployments.ErrBusy)
	require.NoError(t, of[0].Refresh())
	require.Equal(t, 1, of[0].Store().LiveID())
}

// TestSharedAway has what is shared be away, and changes whose outcome is not known: all stays as it was until it is seen.
func TestSharedAway(t *testing.T) {
	shared, of, hosts := servers(t)
	files := func(n int) deployments.Deploying {
		return deployments.Deploying{Files: []project.File{source("a", n)}}
	}
	_, err := of[0].Deploy(files(1))
	require.NoError(t, err)
	gone := errors.New("away")
	shared.away = gone
	_, err = of[0].Deploy(files(2))
	require.ErrorIs(t, err, gone)
	_, err = of[0].Promote(1, false, "")
	require.ErrorIs(t, err, gone)
	require.ErrorIs(t, of[0].Discard(1), gone)
	followed, _, err := of[1].Follow()
	require.ErrorIs(t, err, gone)
	require.False(t, followed)
	require.Equal(t, 1, of[0].Store().LiveID())
	_, err = deployments.NewDeployer(deployments.OpenShared(shared), hosts[0], time.Now).Resume()
	require.ErrorIs(t, err, gone)

	shared.away, shared.unknown = nil, errors.New("unknown")
	_, err = of[0].Deploy(files(2))
	require.ErrorIs(t, err, shared.unknown)
	require.Len(t, hosts[0].serves, 1)
	shared.unknown = nil
	followed, _, err = of[0].Follow()
	require.NoError(t, err)
	require.True(t, followed, "it has taken place")
	require.Equal(t, 2, of[0].Store().LiveID())
	out, err := of[0].Deploy(files(2))
	require.NoError(t, err)
	require.Nil(t, out.Deployment, "no change")
}

// TestSharedMovesOn has another deployment become live, and the one before it go, between two reads.
func TestSharedMovesOn(t *testing.T) {
	shared, of, hosts := servers(t)
	_, err := of[0].Deploy(deployments.Deploying{Files: []project.File{source("a", 1)}})
	require.NoError(t, err)
	shared.beforeRead = func() {
		_, err := of[0].Deploy(deployments.Deploying{Files: []project.File{source("a", 2)}})
		require.NoError(t, err)
		require.NoError(t, of[0].Discard(1))
	}
	followed, _, err := of[1].Follow()
	require.NoError(t, err)
	require.True(t, followed)
	require.Equal(t, 2, of[1].Store().Live().ID)

	// One that is missing for good is an error, and another may take its place.
	delete(shared.texts, "deployment-2.json")
	third := deployments.NewDeployer(deployments.OpenShared(shared), hosts[1], time.Now)
	_, err = third.Resume()
	require.ErrorContains(t, err, "deployment-2.json")
	out, err := third.Deploy(deployments.Deploying{Files: []project.File{source("a", 3)}})
	require.NoError(t, err)
	require.True(t, out.Live)
}
