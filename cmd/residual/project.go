package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
)

// projectFlags say where the files of a project are, and its secrets.
type projectFlags struct{ dir, secrets string }

func (f *projectFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "project", "", "folder of .datasource and .connection files: further data sources, and where events are fetched")
	flags.StringVar(&f.secrets, "secrets", "",
		"folder of the project's secrets, a file for each; others are read from the environment, NAME from "+project.SecretVariable("NAME"))
}

func (f *projectFlags) validate() error {
	if f.secrets != "" && f.dir == "" {
		return usagef("--secrets is of use with --project alone")
	}
	return nil
}

// secretBytesMax bounds a secret.
const secretBytesMax = 64 << 10

// loadedProject is a project without errors, and the secrets that it uses.
type loadedProject struct {
	*project.Project

	warnings project.Problems
	secrets  map[string]string
}

// load reads the project; an empty one where none is named. The error has all that is wrong, and no secret.
func (f *projectFlags) load() (*loadedProject, error) {
	loaded := &loadedProject{Project: &project.Project{}, secrets: map[string]string{}}
	if f.dir == "" {
		return loaded, nil
	}
	if err := mustBeFolder(f.dir); err != nil {
		return nil, err
	}
	if f.secrets != "" {
		if err := mustBeFolder(f.secrets); err != nil {
			return nil, err
		}
	}
	var unread error
	p, problems, err := project.Load(os.DirFS(f.dir), func(name string) (string, bool) {
		secret, ok, err := f.secret(name)
		if unread = errors.Join(unread, err); ok {
			loaded.secrets[name] = secret
		}
		return secret, ok
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the project %s: %w", f.dir, err)
	case unread != nil:
		return nil, unread
	case problems.Errors() > 0:
		return nil, fmt.Errorf("the project %s cannot be used, it has errors: %d\n%s", f.dir, problems.Errors(), plaintext.EscapeLines(problems.String()))
	}
	loaded.Project, loaded.warnings = p, problems
	return loaded, nil
}

// mustBeFolder returns the error of a path that is none.
func mustBeFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return usagef("%s is not a folder; name the one that the files are in", dir)
	}
	return nil
}

// secret reads a secret from its file, without the line's end behind it, or else from the environment.
func (f *projectFlags) secret(name string) (value string, ok bool, err error) {
	if f.secrets != "" {
		file, err := os.Open(filepath.Join(f.secrets, name))
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

// redacted is how a secret is shown, and redactedMin the shortest that is looked for in texts of others.
const (
	redacted    = "***"
	redactedMin = 4
)

// redact takes the secrets out of a text that comes from elsewhere, such as the error of a server that repeats what it was sent.
func (p *loadedProject) redact(text string) string {
	var pairs []string
	for _, secret := range p.secrets {
		for _, written := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(fmt.Sprintf("%q", secret), `"`)} {
			if len(written) >= redactedMin && !slices.Contains(pairs, written) {
				pairs = append(pairs, written, redacted)
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// datasourcesOf returns the data sources of a project, whatever its secrets; none where no folder is named.
func datasourcesOf(dir string) ([]httpapi.Datasource, error) {
	if dir == "" {
		return nil, nil
	}
	if err := mustBeFolder(dir); err != nil {
		return nil, err
	}
	p, problems, err := project.Load(os.DirFS(dir), func(string) (string, bool) { return "not looked up", true })
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the project %s: %w", dir, err)
	case problems.Errors() > 0:
		return nil, fmt.Errorf("the project %s has errors; 'residual check %s' shows them", dir, dir)
	}
	return (&loadedProject{Project: p}).datasources(), nil
}
