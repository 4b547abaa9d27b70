package serve

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/folder"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
)

// projectFlags say where the files of a project are, and its secrets.
type projectFlags struct{ dir, secrets string }

func (f *projectFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "project", "",
		"folder of .datasource, .connection and .pipe files: further data sources, where events are fetched, and pipes; nothing can be deployed to the server then")
	flags.StringVar(&f.secrets, "secrets", "",
		"folder of the project's secrets, a file for each; others are read from the environment, NAME from "+project.SecretVariable("NAME"))
}

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
	files, err := folder.Project(f.dir)
	if err != nil {
		return nil, err
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
		if err := folder.Check(f.secrets); err != nil {
			return nil, nil, err
		}
	}
	var unread error
	p, problems := project.Read(files, func(name string) (string, bool) {
		if unknown[name] {
			return folder.StandIn(name)
		}
		secret, ok, err := folder.Secret(f.secrets, name)
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
