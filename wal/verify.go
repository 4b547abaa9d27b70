package wal

import (
	"errors"
	"fmt"

	"github.com/residualdb/residual/internal/vfs"
)

// Finding is damage that Verify found.
type Finding struct {
	Path   string
	Offset int64
	Err    error
}

func (f Finding) String() string { return fmt.Sprintf("%s: offset %d: %s", f.Path, f.Offset, f.Err) }

// Verified is what Verify found.
type Verified struct {
	Contents

	// Findings are in the order of the log. There are none if Open would open the log.
	Findings []Finding
}

// Verify reads the whole log in a directory and reports all damage, not only the first. It changes nothing. storeID and
// checkpoint are as in [Options]. The error is for a directory that cannot be listed.
func Verify(fsys vfs.FS, path string, storeID [16]byte, checkpoint Position) (Verified, error) {
	d := dir{fsys, path}
	names, err := d.list(checkpoint)
	if err != nil {
		return Verified{}, err
	}
	var findings []Finding
	r := newReader(d, storeID, checkpoint)
	r.damaged = func(name string, err error) error {
		f := Finding{Path: d.join(name), Err: err}
		if c := (*CorruptError)(nil); errors.As(err, &c) {
			f.Offset, f.Err = c.Offset, c.Err
		} else if errors.Is(err, ErrForeign) {
			f.Offset, f.Err = offStoreID, ErrForeign
		}
		findings = append(findings, f)
		return nil
	}
	err = r.log(names.logs)
	if len(findings) > 0 {
		r.found.TornBytes = 0
	}
	return Verified{r.found, findings}, err
}
