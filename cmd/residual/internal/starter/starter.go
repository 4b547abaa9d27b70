package starter

import (
	"embed"
	"io/fs"
)

//go:embed all:files
var embedded embed.FS

// Files are the files of the project, by their paths in it.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return files
}
