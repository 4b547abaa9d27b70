package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/folder"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/cmd/residual/internal/trial"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/wal"
)

func newTest() *cobra.Command {
	var now string
	cmd := &cobra.Command{
		Use:   "test DIR [PIPE...]",
		Short: "Test the pipes of a project on rows of its own",
		Long: `Test loads the rows of fixtures/<data source>.ndjson and .csv into a store of its own, which is gone afterwards, and asks the pipes of the
project as tests/<pipe>.yaml says: a list of tests, each with name, parameters, expected_result (a JSON object a line, or the text of an
error) and expected_http_status. It shows how answers differ, and exits with 1 if any does. No server is asked, and no secret.

The clock stands at the newest prediction of the fixtures, to the next second, so that windows which end now have rows in them on any day;
--now sets it.`,
		Example: `  residual test ./project
  residual test ./project model_drift_detection --now 2026-03-02T12:00:00Z`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return arg.Usagef("a DIR is needed")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return testProject(ctx, cmd.OutOrStdout(), args[0], args[1:], now)
		},
	}
	cmd.Flags().StringVar(&now, "now", "", "time at which the clock stands, RFC 3339; that of the newest prediction if not given")
	return cmd
}

func testProject(ctx context.Context, out io.Writer, dir string, pipes []string, now string) (err error) {
	if err := folder.Check(dir); err != nil {
		return err
	}
	files := os.DirFS(dir)
	suites, err := trial.ReadSuites(files, pipes)
	if err != nil {
		return err
	}
	p, problems, err := project.Load(files, folder.StandIn)
	if err != nil {
		return fmt.Errorf("read the project %s: %w", dir, err)
	}
	if problems.Errors() > 0 {
		return fmt.Errorf("the project has errors: %d\n%s", problems.Errors(), plaintext.EscapeLines(problems.String()))
	}
	s, err := openScratch(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := trial.Load(ctx, files, s.client); err != nil {
		return err
	}
	if err := s.setClock(ctx, now); err != nil {
		return err
	}
	n, err := trial.Run(ctx, suites, s.client, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", n.Passed, n.Failed)
	if n.Passed+n.Failed == 0 {
		return fmt.Errorf("there is no test in %s: write tests/<pipe>.yaml", dir)
	}
	if n.Failed > 0 {
		return fmt.Errorf("tests failed: %d of %d", n.Failed, n.Passed+n.Failed)
	}
	return nil
}

// scratch is a server with a store of its own, to this process alone.
type scratch struct {
	dir    string
	db     *engine.DB
	client *client.Client
	end    func() error
	// clock is where the clock stands, in Unix nanoseconds; 0 while it goes.
	clock atomic.Int64
}

// openScratch serves a project on an empty store. What it fetches elsewhere is not fetched.
func openScratch(p *project.Project) (*scratch, error) {
	s := new(scratch)
	var err error
	if s.dir, err = os.MkdirTemp("", "residual-test-"); err != nil {
		return nil, err
	}
	s.db, err = engine.Open(s.dir, engine.Options{NoBackground: true, Sync: wal.SyncNever})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	server, err := httpapi.New(s.db, httpapi.Options{Now: s.now})
	if err == nil {
		err = server.SetProject(serve.Datasources(p), p.Pipes)
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close(), os.RemoveAll(s.dir))
	}
	s.client, s.end = serveHere(server)
	return s, nil
}

func (s *scratch) now() time.Time {
	if at := s.clock.Load(); at != 0 {
		return time.Unix(0, at).UTC()
	}
	return time.Now()
}

// setClock stops the clock: at a time, or at that of the newest prediction. Without any it goes on.
func (s *scratch) setClock(ctx context.Context, at string) error {
	if at != "" {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return arg.Usagef("--now %q: a time like 2026-03-02T12:00:00Z is allowed", at)
		}
		s.clock.Store(t.UnixNano())
		return nil
	}
	status, text, err := s.client.Ask(ctx, "predictions", "model_id=*&model_version=*&environment=*&columns=timestamp&order=-timestamp&limit=1&from=1970-01-01T00:00:00Z&to=2105-01-01T00:00:00Z")
	if err != nil || strings.TrimSpace(text) == "" {
		return err
	}
	if status != http.StatusOK {
		panic("BUG: " + text)
	}
	var row struct{ Timestamp string }
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		return fmt.Errorf("read the time of the newest prediction in %s: %w", text, err)
	}
	t, err := time.Parse("2006-01-02 15:04:05.000", row.Timestamp)
	if err != nil {
		return err
	}
	s.clock.Store(t.Add(time.Second - 1).Truncate(time.Second).UnixNano())
	return nil
}

func (s *scratch) close() error {
	return errors.Join(s.end(), s.db.Close(), os.RemoveAll(s.dir))
}
