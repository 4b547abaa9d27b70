package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
)

// stateName is the file that makes a folder one of an export. Readers of partitions pass over names that begin so.
const stateName = "_export.json"

// partUse names the temporary files of partitions.
const partUse = "part"

// stateVersion is that of the file's content.
const stateVersion = 1

// state is what the file holds: what was asked, and whether all of it is there. Which partitions are there is told by
// their files, because each has its name only when it is whole.
type state struct {
	Version  int      `json:"version"`
	Question Question `json:"question"`
	Complete bool     `json:"complete"`
	// Files are the files of partitions in a folder that is complete.
	Files int `json:"files,omitempty"`
}

// ErrRefused is the class of errors of a target that is not written to.
var ErrRefused = errors.New("not exported")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// folder is the target of a partitioned export, locked until it is closed.
type folder struct {
	dir  string
	lock *os.File // of the directory
	state
	// foldsCase is set where A and a name the same file.
	foldsCase bool
}

// openFolder makes the folder or opens one that an export was ended in, and takes its lock. force replaces what another export has
// written there, and nothing else.
func openFolder(dir string, q *Question, force bool) (f *folder, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	f = &folder{dir: dir, lock: lock, state: state{Version: stateVersion, Question: *q}}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, refused("another export is writing to %s", dir)
	}
	if err := f.resume(force); err != nil {
		return nil, err
	}
	if err := errors.Join(removeTemps(dir, stateName), removeTemps(dir, partUse)); err != nil {
		return nil, err
	}
	if err := f.save(); err != nil {
		return nil, err
	}
	f.foldsCase, err = foldsCase(dir)
	return f, err
}

// resume goes on with an export of the same question, or takes away what there is of another. It refuses a folder of anything else.
func (f *folder) resume(force bool) error {
	data, err := os.ReadFile(f.path(stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return f.checkEmpty()
	}
	if err != nil {
		return err
	}
	var was state
	if err := json.Unmarshal(data, &was); err != nil || was.Version != stateVersion {
		return refused("%s is not the state of an export that this version knows", f.path(stateName))
	}
	switch {
	case force:
		return f.clear()
	case !reflect.DeepEqual(was.Question, f.Question):
		return refused("%s has an export of another question: ask the same to go on with it, give --force to replace it, or another folder", f.dir)
	case was.Complete:
		return refused("%s has all of it already, in %d files; --force makes it anew", f.dir, was.Files)
	}
	return nil
}

// checkEmpty refuses a folder that holds anything but what an export leaves that ends before it has begun.
func (f *folder) checkEmpty() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !isTemp(entry.Name(), stateName) {
			return refused("%s is not empty and holds no export; name an empty folder, or one that is to be made", f.dir)
		}
	}
	return nil
}

// clear removes the files of the export that was there. Its state goes first from complete to not, so that nobody takes what is left
// for the whole.
func (f *folder) clear() error {
	if err := f.save(); err != nil {
		return err
	}
	names, err := fs.Glob(os.DirFS(f.dir), "month=*/model=*/part-0.*")
	for _, name := range names {
		err = errors.Join(err, os.Remove(f.path(name)))
	}
	return err
}

// save writes the state.
func (f *folder) save() error {
	data, err := json.MarshalIndent(f.state, "", "  ")
	if err != nil {
		return err
	}
	file, err := createTemp(f.dir, stateName)
	if err != nil {
		return err
	}
	defer file.discard()
	if _, err := file.Write(append(data, '\n')); err != nil {
		return err
	}
	return file.commit(f.path(stateName))
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// close gives the lock back.
func (f *folder) close() error { return f.lock.Close() }

// foldsCase tells whether A and a name the same file in a folder that has a state file.
func foldsCase(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, strings.ToUpper(stateName)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
