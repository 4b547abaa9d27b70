package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/residualdb/residual/project"
)

// secretBytesMax bounds a secret.
const secretBytesMax = 64 << 10

// Secret returns a secret: that of its file in dir, without the line's end behind it, or else, and where dir is empty, that of the environment.
func Secret(dir, name string) (value string, ok bool, err error) {
	if dir != "" {
		file, err := os.Open(filepath.Join(dir, name))
		switch {
		case err == nil:
			defer func() { _ = file.Close() }()
			text, err := io.ReadAll(io.LimitReader(file, secretBytesMax+1))
			if err == nil && len(text) > secretBytesMax {
				err = fmt.Errorf("it has more than %d bytes", secretBytesMax)
			}
			if err != nil {
				return "", false, fmt.Errorf("the secret %s: %w", name, err)
			}
			return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), true, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", false, fmt.Errorf("the secret %s: %w", name, err)
		}
	}
	value, ok = os.LookupEnv(project.SecretVariable(name))
	return value, ok, nil
}

// StandIn stands for a secret that is not looked up, whatever its name.
func StandIn(string) (value string, ok bool) { return "not looked up", true }
