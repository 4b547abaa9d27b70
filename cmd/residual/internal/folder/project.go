package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/project"
)

// Check returns the error of a path that is no folder.
func Check(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return arg.Usagef("%s is not a folder; name the one that the files are in", dir)
	}
	return nil
}

// Project returns the files of the project in a folder.
func Project(dir string) (project.Files, error) {
	if err := Check(dir); err != nil {
		return nil, err
	}
	files, err := project.ReadFiles(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("read the project %s: %w", dir, err)
	}
	return files, nil
}
