package deployments_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

const dataDir = "/data"

var testNow = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// filesOf are files by which a deployment can be told.
func filesOf(n int) project.Files {
	files, err := project.NewFiles([]project.File{
		{Name: "datasources/scores.datasource", Text: fmt.Sprintf("# %d\n", n) + strings.Repeat("<é> & \"\\\"\n", n%7)},
		{Name: "connections/k.connection", Text: strings.Repeat(fmt.Sprintf("%d\n", n), 300)},
	})
	if err != nil {
		panic(err)
	}
	return files
}

func newDisk(t testing.TB) *simdisk.Disk {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	require.NoError(t, disk.MkdirAll(dataDir))
	return disk
}

func open(t testing.TB, fsys vfs.FS) *deployments.Store {
	t.Helper()
	s, err := deployments.Open(fsys, dataDir)
	require.NoError(t, err)
	return s
}

func add(t testing.TB, s *deployments.Store, n int, live bool) *deployments.Deployment {
	t.Helper()
	d, err := s.Add(deployments.Deployment{Created: testNow, By: "ci", Files: filesOf(n)}, live)
	require.NoError(t, err)
	return d
}

func TestStore(t *testing.T) {
	disk := newDisk(t)
	s := open(t, disk)
	require.Nil(t, s.Live())
	require.Empty(t, s.Kept())
	add(t, s, 1, true)
	add(t, s, 2, false)
	add(t, s, 3, false) // takes the place of 2
	f := func(live, staged int, kept ...int) {
		t.Helper()
		for _, s := range []*deployments.Store{s, open(t, disk)} {
			require.Equal(t, live, s.Live().ID)
			require.Equal(t, filesOf(live), s.Live().Files)
			require.Equal(t, "ci", s.Live().By)
			require.Equal(t, testNow, s.Live().Created)
			require.Equal(t, staged, s.Staged())
			require.Equal(t, kept, s.Kept())
			for _, id := range kept {
				d, err := s.Find(id)
				require.NoError(t, err)
				require.Equal(t, filesOf(id), d.Files)
			}
		}
	}
	f(1, 3, 1, 3)
	_, err := s.Find(2)
	require.ErrorIs(t, err, deployments.ErrNotFound)
	_, err = s.Promote(3, testNow, "ops")
	require.NoError(t, err)
	f(3, 0, 1, 3)
	_, err = s.Promote(1, testNow, "ops")
	require.NoError(t, err)
	f(1, 0, 1, 3)
	require.ErrorIs(t, s.Discard(1), deployments.ErrLive)
	require.ErrorIs(t, s.Discard(2), deployments.ErrNotFound)
	require.NoError(t, s.Discard(3))
	f(1, 0, 1)
	add(t, s, 4, true) // numbers are not used twice
	f(4, 0, 1, 4)
	require.Equal(t, []deployments.Life{{1, testNow, "ci"}, {3, testNow, "ops"}, {1, testNow, "ops"}, {4, testNow, "ci"}}, s.Lives())
	names, err := disk.List(dataDir + "/deployments")
	require.NoError(t, err)
	require.Equal(t, []string{"deployment-1.json", "deployment-4.json", "state.json"}, names)
}

// TestKept holds that the oldest go.
func TestKept(t *testing.T) {
	disk := newDisk(t)
	s := open(t, disk)
	add(t, s, 1, true)
	for n := range deployments.KeptMax + 5 {
		add(t, s, n+2, false)
	}
	require.Equal(t, []int{1, deployments.KeptMax + 6}, s.Kept(), "what is staged takes the place of what was")
	for n := range deployments.KeptMax + 5 {
		add(t, s, deployments.KeptMax+7+n, true)
	}
	kept := open(t, disk).Kept()
	require.Len(t, kept, deployments.KeptMax)
	require.NotContains(t, kept, 1, "it is live no more")
	require.Equal(t, 2*deployments.KeptMax+11, kept[len(kept)-1])
	require.Equal(t, kept[len(kept)-1], s.Last())
	names, err := disk.List(dataDir + "/deployments")
	require.NoError(t, err)
	require.Len(t, names, deployments.KeptMax+1)
}

// TestFormat holds the bytes of the files to those of the version.
func TestFormat(t *testing.T) {
	disk := newDisk(t)
	s := open(t, disk)
	add(t, s, 1, true)
	for _, name := range []string{"state.json", "deployment-1.json"} {
		data, err := vfs.ReadFile(disk, dataDir+"/deployments/"+name)
		require.NoError(t, err)
		golden.Holds(t, strings.TrimSuffix(name, ".json"), data)
	}
}

// TestDamage flips each bit of the files: what comes is an error, or what was written.
func TestDamage(t *testing.T) {
	disk := newDisk(t)
	s := open(t, disk)
	add(t, s, 1, true)
	add(t, s, 2, true)
	for _, name := range []string{"state.json", "deployment-2.json"} {
		path := dataDir + "/deployments/" + name
		whole, err := vfs.ReadFile(disk, path)
		require.NoError(t, err)
		step := 1
		if testing.Short() {
			step = 7
		}
		for bit := 0; bit < 8*len(whole); bit += step {
			damaged := append([]byte{}, whole...)
			damaged[bit/8] ^= 1 << (bit % 8)
			require.NoError(t, vfs.WriteFileAtomic(disk, dataDir+"/deployments", name, damaged))
			require.ErrorIs(t, liveErr(disk), deployments.ErrCorrupt, "%s: bit %d", name, bit)
		}
		for n := range whole {
			require.NoError(t, vfs.WriteFileAtomic(disk, dataDir+"/deployments", name, whole[:n]))
			require.ErrorIs(t, liveErr(disk), deployments.ErrCorrupt, "%s: %d bytes", name, n)
		}
		require.NoError(t, vfs.WriteFileAtomic(disk, dataDir+"/deployments", name, whole))
	}
	require.Equal(t, 2, open(t, disk).Live().ID)
}

// liveErr is why what is live cannot be read.
func liveErr(fsys vfs.FS) error {
	s, err := deployments.Open(fsys, dataDir)
	if err != nil {
		return err
	}
	return s.LiveErr()
}

// TestDamagedLive holds that another deployment can take the place of a live one that cannot be read.
func TestDamagedLive(t *testing.T) {
	for name, take := range map[string]func(s *deployments.Store) (*deployments.Deployment, error){
		"an earlier one": func(s *deployments.Store) (*deployments.Deployment, error) { return s.Promote(1, testNow, "") },
		"a new one": func(s *deployments.Store) (*deployments.Deployment, error) {
			return s.Add(deployments.Deployment{Created: testNow, Files: filesOf(3)}, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			disk := newDisk(t)
			s := open(t, disk)
			add(t, s, 1, true)
			add(t, s, 2, true)
			require.NoError(t, vfs.WriteFileAtomic(disk, dataDir+"/deployments", "deployment-2.json", []byte("x")))
			s, err := deployments.Open(disk, dataDir)
			require.NoError(t, err)
			require.ErrorIs(t, s.LiveErr(), deployments.ErrCorrupt)
			require.Nil(t, s.Live())
			require.Equal(t, 2, s.LiveID())
			d, err := take(s)
			require.NoError(t, err)
			require.NoError(t, s.LiveErr())
			require.Equal(t, d.ID, open(t, disk).Live().ID)
		})
	}
}

// TestLaterVersion refuses what a later program wrote.
func TestLaterVersion(t *testing.T) {
	disk := newDisk(t)
	require.NoError(t, disk.MkdirAll(dataDir+"/deployments"))
	require.NoError(t, vfs.WriteFileAtomic(disk, dataDir+"/deployments", "state.json", []byte("{\"version\":2}\ncrc32c 2a6269d8\n")))
	_, err := deployments.Open(disk, dataDir)
	require.ErrorIs(t, err, deployments.ErrVersion)
}
