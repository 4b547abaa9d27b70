package export

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// temp is a file on its way to its name. Until it has that it lies in the folder of the export under a name of its own that begins with
// a dot: readers of a folder pass it over, and two exports do not write to the same.
type temp struct {
	*os.File
	// root is the folder that it is in.
	root string
	// done is set when the file has its name, or is gone.
	done bool

	// Syncing goes on beside writing, so that the disk is not idle until the end: every syncBytes written are told to a goroutine,
	// which closes synced with its first error in syncErr. 10 M rows of NDJSON are there in 12 s instead of 23 s.
	unsynced int
	due      chan struct{}
	synced   chan struct{}
	syncErr  error
}

const (
	tempEnd = ".tmp"
	// syncBytes is how much is written before it is synced.
	syncBytes = 32 << 20
)

// createTemp makes the file in root for a use, which its name tells.
func createTemp(root, use string) (*temp, error) {
	file, err := os.OpenFile(filepath.Join(root, "."+use+"."+rand.Text()+tempEnd), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &temp{File: file, root: root}, nil
}

// Write implements io.Writer.
func (t *temp) Write(b []byte) (int, error) {
	n, err := t.File.Write(b)
	if t.unsynced += n; t.unsynced < syncBytes {
		return n, err
	}
	t.unsynced = 0
	if t.due == nil {
		t.due, t.synced = make(chan struct{}, 1), make(chan struct{})
		go func() {
			defer close(t.synced)
			for range t.due {
				if t.syncErr == nil {
					t.syncErr = t.Sync()
					dropCache(t.File)
				}
			}
		}()
	}
	select {
	case t.due <- struct{}{}:
	default: // one is due already
	}
	return n, err
}

// settle ends the syncing beside writing, and returns its error: the system tells of one once.
func (t *temp) settle() error {
	if t.due == nil {
		return nil
	}
	close(t.due)
	<-t.synced
	t.due = nil
	return t.syncErr
}

// removeTemps removes what an export that was killed has left in root for a use.
func removeTemps(root, use string) error {
	entries, err := os.ReadDir(root)
	for _, entry := range entries {
		if isTemp(entry.Name(), use) {
			err = errors.Join(err, os.Remove(filepath.Join(root, entry.Name())))
		}
	}
	return err
}

// isTemp tells whether a name is that of a temporary file for a use.
func isTemp(name, use string) bool {
	random, begins := strings.CutPrefix(name, "."+use+".")
	random, ends := strings.CutSuffix(random, tempEnd)
	return begins && ends && len(random) == len(rand.Text())
}

// commit makes the file durable under a name in root, or in folders below it, which it makes.
func (t *temp) commit(name string) error {
	err := errors.Join(t.settle(), t.Sync(), t.Close())
	if err != nil {
		return err
	}
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := os.Rename(t.Name(), name); err != nil {
		return err
	}
	t.done = true
	for ; ; dir = filepath.Dir(dir) {
		if err := syncDir(dir); err != nil {
			return err
		}
		if dir == filepath.Clean(t.root) {
			return nil
		}
	}
}

// discard removes the file unless it was committed.
func (t *temp) discard() {
	if !t.done {
		t.done = true
		_ = t.settle()
		_ = t.Close()           // nothing of it is kept
		_ = os.Remove(t.Name()) // what is left is removed by the next export
	}
}

// parquetRows returns how many rows the file has by its footer; one without a footer is cut short.
func (t *temp) parquetRows() (int64, error) {
	info, err := t.Stat()
	if err != nil {
		return 0, err
	}
	file, err := parquet.OpenFile(t.File, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return 0, errors.Join(errCut, err)
	}
	return file.NumRows(), nil
}

// syncDir makes the names in a directory durable.
func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
