package deployments_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// fakeHost is a server that remembers what it serves.
type fakeHost struct {
	serves []*project.Project
	fails  error
	// reading is called once, while files are read.
	reading func()
}

type fakeCandidate struct {
	host *fakeHost
	p    *project.Project
}

func (h *fakeHost) Read(files project.Files) (deployments.Candidate, project.Problems, error) {
	once(&h.reading)
	p, problems := project.Read(files, func(string) (string, bool) { return "", false })
	return fakeCandidate{h, p}, problems, nil
}

func (c fakeCandidate) Serve() error {
	if c.host.fails != nil {
		return c.host.fails
	}
	c.host.serves = append(c.host.serves, c.p)
	return nil
}

// source is a data source whose environment is n.
func source(name string, n int) project.File {
	return project.File{Name: "datasources/" + name + ".datasource", Text: fmt.Sprintf("SCHEMA >\n    `timestamp` DateTime,\n    `model_id` String,\n"+
		"    `prediction_id` String,\n    `model_version` String,\n    `predicted_value` Float64,\n    `environment` String DEFAULT 'e%d'\n", n)}
}

func deployer(t *testing.T, disk *simdisk.Disk) (*deployments.Deployer, *fakeHost) {
	t.Helper()
	host := new(fakeHost)
	return deployments.NewDeployer(open(t, disk), host, func() time.Time { return testNow }), host
}

func TestDeployer(t *testing.T) {
	disk := newDisk(t)
	d, host := deployer(t, disk)
	problems, err := d.Resume()
	require.NoError(t, err)
	require.Empty(t, problems)
	do := func(w deployments.Deploying) *deployments.Outcome {
		t.Helper()
		out, err := d.Deploy(w)
		require.NoError(t, err)
		return out
	}
	live := func(id, served int) {
		t.Helper()
		require.Equal(t, id, d.Store().Live().ID)
		require.Equal(t, id, open(t, disk).Live().ID)
		require.Len(t, host.serves, served)
	}
	first := []project.File{source("a", 1), source("b", 1), {Name: "README.md", Text: "not looked at"}}
	out := do(deployments.Deploying{Files: first, Check: true})
	require.Nil(t, out.Deployment)
	require.Equal(t, []string{"a", "b"}, out.Changes.New[".datasource"])
	require.Nil(t, d.Store().Live())

	out = do(deployments.Deploying{Files: first, By: "ci"})
	require.True(t, out.Live)
	live(1, 1)
	out = do(deployments.Deploying{Files: []project.File{source("b", 1), source("a", 1)}})
	require.Nil(t, out.Deployment)
	require.True(t, out.Changes.None())
	live(1, 1)

	// What is wrong changes nothing.
	out = do(deployments.Deploying{Files: []project.File{source("a", 1), {Name: "b.datasource", Text: "SCHEMAS >\n"}}})
	require.Nil(t, out.Deployment)
	require.Positive(t, out.Problems.Errors())
	require.Equal(t, []string{"b"}, out.Changes.Changed[".datasource"])
	live(1, 1)

	// What would be deleted is asked for.
	second := []project.File{source("a", 2)}
	out = do(deployments.Deploying{Files: second})
	require.Nil(t, out.Deployment)
	require.Equal(t, []string{"b"}, out.Changes.Deleted[".datasource"])
	require.Contains(t, out.Problems.String(), "b.datasource: error: the data source b is in use")
	live(1, 1)
	out = do(deployments.Deploying{Files: second, Destructive: true, Stage: true})
	require.False(t, out.Live)
	require.Equal(t, 2, out.Deployment.ID)
	live(1, 1)
	out, err = d.Promote(2, false, "ops")
	require.NoError(t, err)
	require.Positive(t, out.Problems.Errors())
	live(1, 1)
	_, err = d.Promote(2, true, "ops")
	require.NoError(t, err)
	live(2, 2)

	// Back.
	_, err = d.Promote(1, false, "ops")
	require.NoError(t, err)
	live(1, 3)
	require.Len(t, host.serves[2].Datasources, 2)
	_, err = d.Promote(7, false, "ops")
	require.ErrorIs(t, err, deployments.ErrNotFound)
	_, err = d.Deploy(deployments.Deploying{Files: []project.File{{Name: "../x.datasource"}}})
	require.ErrorIs(t, err, project.ErrFiles)

	// A start goes on with what was live.
	again, host := deployer(t, disk)
	_, err = again.Resume()
	require.NoError(t, err)
	require.Len(t, host.serves, 1)
	require.Len(t, host.serves[0].Datasources, 2)
}

// TestBuiltInSourcesStay holds that leaving out the file of a data source that every server has asks for nothing.
func TestBuiltInSourcesStay(t *testing.T) {
	d, _ := deployer(t, newDisk(t))
	_, err := d.Deploy(deployments.Deploying{Files: []project.File{source("ml_model_predictions", 1), source("b", 1)}})
	require.NoError(t, err)
	out, err := d.Deploy(deployments.Deploying{Files: []project.File{source("b", 1)}})
	require.NoError(t, err)
	require.True(t, out.Live, out.Problems)
}

// TestNothingFollowsAFailedWrite holds that the server stays with what it has when the disk does not take the deployment.
func TestNothingFollowsAFailedWrite(t *testing.T) {
	disk := newDisk(t)
	d, host := deployer(t, disk)
	_, err := d.Deploy(deployments.Deploying{Files: []project.File{source("a", 1)}})
	require.NoError(t, err)
	disk.Inject(simdisk.Fault{Op: disk.Ops(), Kind: simdisk.EIO, Sticky: true})
	_, err = d.Deploy(deployments.Deploying{Files: []project.File{source("a", 2)}})
	require.Error(t, err)
	require.Len(t, host.serves, 1)
	require.Equal(t, 1, d.Store().Live().ID)
}

// TestStoredAndNotServed says so when the server does not follow.
func TestStoredAndNotServed(t *testing.T) {
	d, host := deployer(t, newDisk(t))
	host.fails = errors.New("no room")
	_, err := d.Deploy(deployments.Deploying{Files: []project.File{source("a", 1)}})
	require.EqualError(t, err, "deployment 1 is stored, and a restart serves it: no room")
}
