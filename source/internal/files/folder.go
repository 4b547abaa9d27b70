package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/source/internal/connector"
)

// folder is a folder of this machine. The version of a file is its size and the time of its last change. Links are not followed, neither
// to files nor to folders, but for the folder itself.
type folder struct {
	config  *Config
	pattern *pattern
	path    string // with a slash at its end
	// seen are the young files of the last listing, and looked those of this one.
	seen, looked map[string]look
	now          func() time.Time
}

// look is a file that may still be written, as it was first seen so.
type look struct {
	version string
	at      time.Time
}

func newFolder(c *Config, p *pattern) *folder {
	return &folder{config: c, pattern: p, path: p.folder(), now: time.Now}
}

func (f *folder) name(key string) string { return "file://" + key }

// entriesAtOnce is how many names of a folder are in memory at once.
const entriesAtOnce = 1024

// list implements place.
func (f *folder) list(ctx context.Context, yield func(object)) (skipped, err error) {
	root, err := f.root()
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	f.looked = map[string]look{}
	w := &walk{folder: f, root: root, yield: yield}
	err = w.dir(ctx, "")
	f.seen = f.looked
	return w.skipped, err
}

func (f *folder) root() (*os.Root, error) {
	root, err := os.OpenRoot(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, connector.Advise(fmt.Errorf("the folder %s does not exist", f.path), "make it, or mount what it is on, or check IMPORT_BUCKET_URI")
	case errors.Is(err, fs.ErrPermission):
		return nil, connector.Advise(fmt.Errorf("the folder %s may not be read", f.path), "let the user of this process read it")
	case err != nil:
		return nil, connector.Advise(fmt.Errorf("the folder %s cannot be read: %w", f.path, err), "check IMPORT_BUCKET_URI")
	}
	return root, nil
}

// walk goes through a folder.
type walk struct {
	folder  *folder
	root    *os.Root
	yield   func(object)
	skipped error
}

// dir lists a folder, whose name is relative and ends with a slash unless it is empty, and those below it.
func (w *walk) dir(ctx context.Context, name string) error {
	opened, err := w.root.Open(name + ".")
	if err != nil {
		return w.skip(name, err)
	}
	defer opened.Close() //nolint:errcheck // it was only read
	for ctx.Err() == nil {
		entries, err := opened.ReadDir(entriesAtOnce)
		for _, e := range entries {
			below := name + e.Name()
			switch {
			case e.IsDir():
				if w.folder.pattern.below(w.folder.path + below + "/") {
					if err := w.dir(ctx, below+"/"); err != nil {
						return err
					}
				}
			case e.Type().IsRegular() && w.folder.pattern.matches(w.folder.path+below):
				if err := w.file(below); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return w.skip(name, err)
		}
	}
	return ctx.Err()
}

// file lists a file, unless it has gone.
func (w *walk) file(name string) error {
	info, err := w.root.Lstat(name)
	if err != nil {
		return w.skip(name, err)
	}
	if info.Mode().IsRegular() {
		w.yield(w.folder.object(w.folder.path+name, info))
	}
	return nil
}

// skip passes by what may not be read, or has gone; other errors are returned.
func (w *walk) skip(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && name != "":
		return nil
	case errors.Is(err, fs.ErrPermission) && name != "":
		w.skipped = connector.Advise(fmt.Errorf("%s%s may not be read, and is left out", w.folder.path, name), "let the user of this process read it")
		return nil
	}
	return fmt.Errorf("list %s%s: %w", w.folder.path, name, err)
}

// object is a file. It is young until it has not changed for a while: by the time of its last change, or, where that lies in the future,
// by what was seen before.
func (f *folder) object(key string, info fs.FileInfo) object {
	o := object{key: key, size: info.Size(), modified: info.ModTime(), version: fileVersion(info)}
	now, settle := f.now(), f.config.Limits.Settle
	if age := now.Sub(o.modified); age >= settle {
		return o
	}
	first, ok := f.seen[key]
	if !ok || first.version != o.version {
		first = look{o.version, now}
	}
	o.young = now.Sub(first.at) < settle
	f.looked[key] = first
	return o
}

func fileVersion(info fs.FileInfo) string {
	return strconv.FormatInt(info.Size(), 16) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 16)
}

// open implements place.
func (f *folder) open(_ context.Context, o *object, from int64) (io.ReadCloser, error) {
	file, err := f.file(o)
	if err != nil {
		return nil, err
	}
	return &versionReader{versionFile: file, left: io.NewSectionReader(file, from, o.size-from)}, nil
}

// openAt implements place.
func (f *folder) openAt(_ context.Context, o *object) (readerAtCloser, error) { return f.file(o) }

// versionFile is a version of a file. What is read after the file was changed, and may be of another version, is not returned.
type versionFile struct {
	file    *os.File
	version string
}

// ReadAt implements [io.ReaderAt].
func (v *versionFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := v.file.ReadAt(p, at)
	if changed := v.check(); changed != nil {
		return 0, changed
	}
	return n, err
}

// check returns what became of the version.
func (v *versionFile) check() error {
	info, err := v.file.Stat()
	if err != nil {
		return err
	}
	if fileVersion(info) != v.version {
		return errChanged
	}
	return nil
}

func (v *versionFile) Close() error { return v.file.Close() }

// versionReader reads a version of a file to its end, where it says if it is another by then.
type versionReader struct {
	*versionFile

	left *io.SectionReader
}

func (r *versionReader) Read(p []byte) (int, error) {
	n, err := r.left.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		if changed := r.check(); changed != nil {
			err = changed
		}
	}
	return n, err
}

// file opens the version of a file that was listed.
func (f *folder) file(o *object) (*versionFile, error) {
	root, err := f.root()
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	name := strings.TrimPrefix(o.key, f.path)
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errGone
	}
	var file *os.File
	if err == nil {
		file, err = root.Open(name)
	}
	if err == nil {
		info, err = file.Stat()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errGone
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: let the user of this process read it", errForbidden)
	case err != nil:
		return nil, err
	case fileVersion(info) != o.version || !info.Mode().IsRegular():
		_ = file.Close() // it was only read
		return nil, errChanged
	}
	return &versionFile{file, o.version}, nil
}
