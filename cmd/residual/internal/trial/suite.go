package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ErrFiles is returned for tests and fixtures that cannot be read as such.
var ErrFiles = errors.New("tests")

// fileBytesMax bounds a file of tests, testsMax the tests in it.
const (
	fileBytesMax = 4 << 20
	testsMax     = 10_000
)

// Suite is the tests of a pipe.
type Suite struct {
	Pipe, File string
	Tests      []Test
}

// Test is a request to a pipe, and what is to come of it.
type Test struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	// Parameters are those of the request, as in an address.
	Parameters string `yaml:"parameters"`
	// Result is the answer as NDJSON, or the text of an error. Status is 200 where it is 0.
	Result string `yaml:"expected_result"`
	Status int    `yaml:"expected_http_status"`
}

// ReadSuites reads the tests of a project, those of the named pipes or of all, in the order of their files.
func ReadSuites(project fs.FS, pipes []string) ([]Suite, error) {
	names, err := filesIn(project, "tests", ".yaml", ".yml")
	if err != nil {
		return nil, err
	}
	var suites []Suite
	found := map[string]string{}
	for _, name := range names {
		pipe := strings.TrimSuffix(path.Base(name), path.Ext(name))
		if other, ok := found[pipe]; ok {
			return nil, fmt.Errorf("%w: %s and %s are both of the pipe %s", ErrFiles, other, name, pipe)
		}
		found[pipe] = name
		if len(pipes) > 0 && !slices.Contains(pipes, pipe) {
			continue
		}
		tests, err := readTests(project, name)
		if err != nil {
			return nil, err
		}
		suites = append(suites, Suite{Pipe: pipe, File: name, Tests: tests})
	}
	for _, pipe := range pipes {
		if found[pipe] == "" {
			return nil, fmt.Errorf("%w: there is no tests/%s.yaml", ErrFiles, pipe)
		}
	}
	return suites, nil
}

// filesIn are the files of a folder of a project, and of those below it, that end with one of extensions, in their order.
func filesIn(project fs.FS, folder string, extensions ...string) (names []string, err error) {
	err = fs.WalkDir(project, folder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains(extensions, path.Ext(name)) {
			names = append(names, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	slices.Sort(names)
	return names, err
}

func readTests(project fs.FS, name string) ([]Test, error) {
	info, err := fs.Stat(project, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > fileBytesMax {
		return nil, fmt.Errorf("%w: %s has %d bytes; %d are allowed", ErrFiles, name, info.Size(), fileBytesMax)
	}
	text, err := fs.ReadFile(project, name)
	if err != nil {
		return nil, err
	}
	var tests []Test
	if len(strings.TrimSpace(string(text))) > 0 {
		if err := yaml.Load(text, &tests, yaml.WithKnownFields()); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrFiles, name, err)
		}
	}
	if len(tests) > testsMax {
		return nil, fmt.Errorf("%w: %s has %d tests; %d are allowed", ErrFiles, name, len(tests), testsMax)
	}
	seen := map[string]bool{}
	for i := range tests {
		switch t := &tests[i]; {
		case t.Name == "":
			return nil, fmt.Errorf("%w: %s: test %d has no name", ErrFiles, name, i+1)
		case seen[t.Name]:
			return nil, fmt.Errorf("%w: %s: there are two tests named %s", ErrFiles, name, t.Name)
		case t.Status != 0 && (t.Status < 200 || t.Status > 599):
			return nil, fmt.Errorf("%w: %s: %s: the expected_http_status %d is none", ErrFiles, name, t.Name, t.Status)
		}
		seen[tests[i].Name] = true
	}
	return tests, nil
}
