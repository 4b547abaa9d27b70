package deployments

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/residualdb/residual/internal/vfs"
)

// shelf is where a Store has its files.
type shelf interface {
	// place is what a file is called in errors.
	place(name string) string
	// read returns the file of a deployment; fs.ErrNotExist if there is none.
	read(id int) ([]byte, error)
	// sizes are of the files that can be read, by deployment.
	sizes(kept []int) (map[int]int64, error)
	// commit makes a change durable, and then removes the files of deployments that are not kept. Its error may be of class ErrBusy, where the
	// state is no longer the one that was read last, or ErrUnknown.
	commit(c *commit) error
}

// commit is a change: the next state, and the file of a deployment that is new, if file is not nil.
type commit struct {
	state []byte
	id    int
	file  []byte
	kept  []int
}

// directory is the shelf of a data directory, which one process has.
type directory struct {
	fs   vfs.FS
	path string
}

func (d *directory) place(name string) string { return filepath.Join(d.path, name) }

func (d *directory) read(id int) ([]byte, error) {
	return vfs.ReadFile(d.fs, d.place(deploymentName(id)))
}

func (d *directory) sizes(kept []int) (map[int]int64, error) {
	sizes := map[int]int64{}
	for _, id := range kept {
		// One of the history that cannot be read is an error of whoever asks for it: the store can do without.
		if size, err := d.size(id); err == nil {
			sizes[id] = size
		}
	}
	return sizes, nil
}

func (d *directory) size(id int) (int64, error) {
	f, err := d.fs.OpenRead(d.place(deploymentName(id)))
	if err != nil {
		return 0, err
	}
	size, err := f.Size()
	return size, errors.Join(err, f.Close())
}

func (d *directory) commit(c *commit) error {
	if c.file != nil {
		if err := d.make(); err != nil {
			return fmt.Errorf("deploy: %w", err)
		}
		if err := vfs.ReplaceFile(d.fs, d.path, deploymentName(c.id), c.file); err != nil {
			return fmt.Errorf("deploy: %w", err)
		}
	}
	// One sync of the directory before the state, so that what it names is there, and one behind it.
	if err := d.fs.SyncDir(d.path); err != nil {
		return doubted(err)
	}
	if err := vfs.ReplaceFile(d.fs, d.path, stateName, c.state); err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	if err := d.fs.SyncDir(d.path); err != nil {
		return doubted(err)
	}
	d.sweep(c.kept)
	return nil
}

// doubted is the error of a change of which it is not known whether the disk has it.
func doubted(err error) error { return fmt.Errorf("%w until a restart: deploy: %w", ErrUnknown, err) }

// sweep removes files of deployments that are not kept. What cannot be removed is tried again by the next one.
func (d *directory) sweep(kept []int) {
	names, err := d.fs.List(d.path)
	if err != nil {
		return
	}
	for _, name := range names {
		if id, ok := numberIn(name); ok && !slices.Contains(kept, id) {
			_ = d.fs.Remove(d.place(name)) // it takes space, and means nothing
		}
	}
}

// make makes the directory, durably.
func (d *directory) make() error {
	if err := d.fs.MkdirAll(d.path); err != nil {
		return err
	}
	return d.fs.SyncDir(filepath.Dir(d.path))
}
