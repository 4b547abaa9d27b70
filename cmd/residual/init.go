package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/starter"
)

func newInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write a project to begin with",
		Long: `Init writes a project: the data source of predictions, the two pipes of the tutorial, tests of both with rows to run them on, and a workflow
that checks and tests each change and deploys what is merged. It makes the folder, and replaces no file: if one of its own is there already,
nothing is written.`,
		Example: `  residual init ./project
  residual test ./project
  residual deploy ./project`,
		Args: arg.Exactly("a DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			written, err := writeStarter(args[0])
			if err != nil {
				return err
			}
			for _, name := range written {
				fmt.Fprintln(cmd.OutOrStdout(), filepath.Join(args[0], filepath.FromSlash(name)))
			}
			return nil
		},
	}
}

// writeStarter writes the project to begin with, and returns the names of its files.
func writeStarter(dir string) (names []string, err error) {
	files := starter.Files()
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var there []string
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, name)
		}
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("nothing was written to %s, which has files of these names already: %s", dir, strings.Join(there, ", "))
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, err
		}
	}
	return names, nil
}
