package project

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrFiles is returned for files that no project may have: too many, too large, or with names that are none.
var ErrFiles = errors.New("project files")

// File is a file of a project: its name below the project's folder, with slashes, and its text.
type File struct{ Name, Text string }

// Files are the files of a project that mean something, in the order of their names, of which each is there once. Whoever has them does
// not change them.
type Files []File

// filesMax bounds the files of a project, FilesBytesMax their texts together, fileNameMax the name of one.
const (
	filesMax      = 10_000
	FilesBytesMax = 16 << 20
	fileNameMax   = 512
)

// The endings of the names of files that mean something; a project may have others, which are not looked at.
const (
	DatasourceKind = ".datasource"
	ConnectionKind = ".connection"
	PipeKind       = ".pipe"
)

// Kinds are all of them.
func Kinds() []string { return []string{DatasourceKind, ConnectionKind, PipeKind} }

// IsFile tells whether a file of this name means something in a project.
func IsFile(name string) bool { return slices.Contains(Kinds(), path.Ext(name)) }

// NewFiles returns files in their order, without those that mean nothing. The error is of class [ErrFiles].
func NewFiles(list []File) (Files, error) {
	files := slices.Clone(list)
	files = slices.DeleteFunc(files, func(f File) bool { return !IsFile(f.Name) })
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	bytes := 0
	for i := range files {
		name := files[i].Name
		switch bytes += len(files[i].Text); {
		case !fs.ValidPath(name) || len(name) > fileNameMax || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
			return nil, fmt.Errorf("%w: %s is no name of a file: it has up to %d bytes of printable text, with single slashes and no dots alone between them", ErrFiles, shown(name), fileNameMax)
		case i > 0 && files[i-1].Name == name:
			return nil, fmt.Errorf("%w: %s is there twice", ErrFiles, shown(name))
		case len(files[i].Text) > fileBytesMax:
			return nil, fmt.Errorf("%w: %s has %d bytes; %d are allowed", ErrFiles, shown(name), len(files[i].Text), fileBytesMax)
		}
	}
	if len(files) > filesMax {
		return nil, fmt.Errorf("%w: there are %d; %d are allowed", ErrFiles, len(files), filesMax)
	}
	if bytes > FilesBytesMax {
		return nil, fmt.Errorf("%w: they have %d bytes together; %d are allowed", ErrFiles, bytes, FilesBytesMax)
	}
	return files, nil
}

// ReadFiles reads the files of a folder and of those below it that mean something, but for folders whose names begin with a dot. The
// error is that of reading, or of class [ErrFiles].
func ReadFiles(folder fs.FS) (Files, error) {
	var list []File
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || !IsFile(name):
			return nil
		case len(list) > filesMax:
			return fs.SkipAll
		}
		text, err := readBounded(folder, name)
		list = append(list, File{name, text})
		return err
	})
	if err != nil {
		return nil, err
	}
	return NewFiles(list)
}

// readBounded reads a file, and of one that is too long as much as shows it.
func readBounded(folder fs.FS, name string) (string, error) {
	if info, err := fs.Stat(folder, name); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is no regular file", ErrFiles, shown(name))
	}
	file, err := folder.Open(name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	return string(text), errors.Join(err, file.Close())
}

// Resource is what a file declares: its kind, which is the ending of the file's name, and its name.
type Resource struct{ Kind, Name string }

func (f *File) resource() Resource {
	kind := path.Ext(f.Name)
	return Resource{Kind: kind, Name: strings.TrimSuffix(path.Base(f.Name), kind)}
}

// Without returns the files in which none of the problems is an error, and those that are left out. A problem names a file by its path
// or by its last element.
func (files Files) Without(problems Problems) (kept, left Files) {
	wrong := map[string]bool{}
	for i := range problems {
		if !problems[i].Warning {
			wrong[problems[i].File] = true
		}
	}
	for _, f := range files {
		if wrong[f.Name] || wrong[path.Base(f.Name)] {
			left = append(left, f)
		} else {
			kept = append(kept, f)
		}
	}
	return kept, left
}

// Names are the names of what files declare of a kind.
func (files Files) Names(kind string) (names []string) {
	for i := range files {
		if r := files[i].resource(); r.Kind == kind {
			names = append(names, r.Name)
		}
	}
	return names
}

// Changes are the names of what is new, changed or deleted, by kind, each in their order.
type Changes struct{ New, Changed, Deleted map[string][]string }

// None tells that nothing is new, changed or deleted.
func (c *Changes) None() bool { return len(c.New) == 0 && len(c.Changed) == 0 && len(c.Deleted) == 0 }

// ChangesTo compares files with those that take their place. A file that is moved to another folder declares what it did.
func (files Files) ChangesTo(next Files) Changes {
	c := Changes{New: map[string][]string{}, Changed: map[string][]string{}, Deleted: map[string][]string{}}
	texts := map[Resource]string{}
	for i := range files {
		texts[files[i].resource()] = files[i].Text
	}
	there := map[Resource]bool{}
	for i := range next {
		r := next[i].resource()
		switch was, ok := texts[r]; {
		case there[r]: // no project declares it twice
		case !ok:
			c.New[r.Kind] = append(c.New[r.Kind], r.Name)
		case was != next[i].Text:
			c.Changed[r.Kind] = append(c.Changed[r.Kind], r.Name)
		}
		there[r] = true
	}
	for i := range files {
		if r := files[i].resource(); !there[r] {
			there[r] = true
			c.Deleted[r.Kind] = append(c.Deleted[r.Kind], r.Name)
		}
	}
	for _, names := range []map[string][]string{c.New, c.Changed, c.Deleted} {
		for kind := range names {
			slices.Sort(names[kind])
		}
	}
	return c
}
