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

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// projectFlags say where the files of a project are, and its secrets.
type projectFlags struct{ dir, secrets string }

func (f *projectFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "project", "",
		"folder of .datasource, .connection and .pipe files: further data sources, where events are fetched, and pipes; nothing can be deployed to the server then")
	flags.StringVar(&f.secrets, "secrets", "",
		"folder of the project's secrets, a file for each; others are read from the environment, NAME from "+project.SecretVariable("NAME"))
}

// standIn stands for a secret that is not looked up.
const standIn = "not looked up"

// secretBytesMax bounds a secret.
const secretBytesMax = 64 << 10

// loadedProject is a project without errors, and the secrets that it uses.
type loadedProject struct {
	*project.Project

	warnings project.Problems
	secrets  map[string]string
	// part is set for what can be served of a project that has errors: withheld is what it lacks, and unfetched says of data sources
	// why they are not fetched.
	part      bool
	withheld  httpapi.Withheld
	unfetched map[string]string
}

// load reads the folder of the project; an empty one where none is named. The error has all that is wrong, and no secret.
func (f *projectFlags) load() (*loadedProject, error) {
	if f.dir == "" {
		return &loadedProject{Project: &project.Project{Pipes: &project.Pipes{}}}, nil
	}
	if err := mustBeFolder(f.dir); err != nil {
		return nil, err
	}
	files, err := project.ReadFiles(os.DirFS(f.dir))
	if err != nil {
		return nil, fmt.Errorf("read the project %s: %w", f.dir, err)
	}
	loaded, problems, err := f.read(files, nil)
	if err != nil {
		return nil, err
	}
	if problems.Errors() > 0 {
		return nil, fmt.Errorf("the project %s cannot be used, it has errors: %d\n%s", f.dir, problems.Errors(), plaintext.EscapeLines(problems.String()))
	}
	return loaded, nil
}

// read reads what files mean, with the secrets of this machine. A secret that is among unknown is read as something that stands for it.
func (f *projectFlags) read(files project.Files, unknown map[string]bool) (*loadedProject, project.Problems, error) {
	loaded := &loadedProject{secrets: map[string]string{}}
	if f.secrets != "" {
		if err := mustBeFolder(f.secrets); err != nil {
			return nil, nil, err
		}
	}
	var unread error
	p, problems := project.Read(files, func(name string) (string, bool) {
		if unknown[name] {
			return standIn, true
		}
		secret, ok, err := f.secret(name)
		if unread = errors.Join(unread, err); ok {
			loaded.secrets[name] = secret
		}
		return secret, ok
	})
	for _, c := range p.Connections {
		// These are secrets though they may stand in the file, or be a default.
		if c.Kafka != nil {
			loaded.secrets[c.Name+".connection KAFKA_SECRET"] = c.Kafka.Password.Reveal()
		}
		if c.S3 != nil {
			loaded.secrets[c.Name+".connection S3_SECRET"] = c.S3.SecretKey.Reveal()
		}
	}
	loaded.Project, loaded.warnings = p, problems
	return loaded, problems, unread
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
		return arg.Usagef("%s is not a folder; name the one that the files are in", dir)
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

// projectWithoutSecrets returns a project whatever its secrets: that of a folder, or where none is named what is live, empty if nothing is.
func projectWithoutSecrets(dir string, live func() (project.Files, error)) (*loadedProject, error) {
	if dir != "" {
		live = func() (project.Files, error) { return projectFiles(dir) }
	}
	files, err := live()
	if err != nil {
		return nil, err
	}
	p, problems := project.Read(files, func(string) (string, bool) { return standIn, true })
	if problems.Errors() > 0 {
		if dir == "" {
			return nil, fmt.Errorf("the project that is deployed has errors\n%s", plaintext.EscapeLines(problems.String()))
		}
		return nil, fmt.Errorf("the project %s has errors; 'residual check %s' shows them", dir, dir)
	}
	return &loadedProject{Project: p}, nil
}

// liveFiles are the files of the deployment that is live, none if none is.
func liveFiles(store *deployments.Store, err error) (project.Files, error) {
	if err == nil {
		err = store.LiveErr()
	}
	if err != nil || store.Live() == nil {
		return nil, err
	}
	return store.Live().Files, nil
}

// projectFiles are the files of a folder.
func projectFiles(dir string) (project.Files, error) {
	if err := mustBeFolder(dir); err != nil {
		return nil, err
	}
	files, err := project.ReadFiles(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("read the project %s: %w", dir, err)
	}
	return files, nil
}
