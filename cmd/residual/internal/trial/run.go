package trial

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/residualdb/residual/internal/plaintext"
)

// Client is a server that has the project.
type Client interface {
	// Append sends rows to a data source, in a format that is ndjson or csv, and tells how many were rejected, and why the first was.
	Append(ctx context.Context, datasource, format string, rows io.Reader) (rejected int, why string, err error)
	// Ask asks a pipe. The text is the answer as NDJSON, or of a status that is an error what the error says.
	Ask(ctx context.Context, pipe, parameters string) (status int, text string, err error)
}

// Load sends the fixtures of a project. Rows that are rejected are an error: no test would mean what it says.
func Load(ctx context.Context, project fs.FS, c Client) error {
	names, err := filesIn(project, "fixtures", ".ndjson", ".csv")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := load(ctx, project, c, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func load(ctx context.Context, project fs.FS, c Client, name string) error {
	rows, err := project.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // it was only read
	extension := path.Ext(name)
	rejected, why, err := c.Append(ctx, strings.TrimSuffix(path.Base(name), extension), extension[1:], rows)
	if err == nil && rejected > 0 {
		err = fmt.Errorf("%w: rows were rejected: %d; the first: %s", ErrFiles, rejected, why)
	}
	return err
}

// Counts are how many tests passed and failed.
type Counts struct{ Passed, Failed int }

// Run runs tests and shows each, with how the answers of those that fail differ.
func Run(ctx context.Context, suites []Suite, c Client, out io.Writer) (n Counts, err error) {
	for i := range suites {
		s := &suites[i]
		fmt.Fprintf(out, "%s\n", plaintext.Escape(s.File))
		for j := range s.Tests {
			t := &s.Tests[j]
			fault, err := t.run(ctx, s.Pipe, c)
			if err != nil {
				return n, fmt.Errorf("%s: %s: %w", s.File, t.Name, err)
			}
			if fault == "" {
				n.Passed++
				fmt.Fprintf(out, "  ok    %s\n", plaintext.Escape(t.Name))
				continue
			}
			n.Failed++
			fmt.Fprintf(out, "  FAIL  %s\n", plaintext.Escape(t.Name))
			for line := range strings.Lines(fault) {
				fmt.Fprintf(out, "        %s\n", plaintext.Escape(strings.TrimRight(line, "\n")))
			}
		}
	}
	return n, nil
}

// run runs one test and returns what is wrong; empty if nothing is.
func (t *Test) run(ctx context.Context, pipe string, c Client) (fault string, err error) {
	_, parameters, found := strings.Cut(t.Parameters, "?") // whole addresses are taken too
	if !found {
		parameters = t.Parameters
	}
	status, text, err := c.Ask(ctx, pipe, parameters)
	if err != nil {
		return "", err
	}
	want := t.Status
	if want == 0 {
		want = 200
	}
	if status != want {
		return fmt.Sprintf("the status is %d, and %d is expected: %s", status, want, text), nil
	}
	return difference(t.Result, text), nil
}
