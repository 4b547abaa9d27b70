package httpapi

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
	"github.com/residualdb/residual/httpapi/internal/where"
)

const (
	conditionParameter, dryRunParameter = "delete_condition", "dry_run"
	// nothingDeleted is what is told of a deletion that is refused for a parameter.
	nothingDeleted = "nothing was deleted"

	// conditionMax bounds a delete_condition; it is kept in the log of the store until a checkpoint.
	conditionMax = 32 << 10
)

// Routes of a data source, by what their paths end with; they begin with either of sourcePrefixes.
var (
	sourcePrefixes  = [...]string{"/v0/datasources/", "/v1/datasources/"}
	datasourceRoute = route{label: telemetry.LabelDatasources, get: (*Server).getDatasource}
	syncRoute       = route{label: telemetry.LabelDatasources, post: (*Server).postSync}
	deleteRoute     = route{label: telemetry.LabelDelete, post: (*Server).postDelete}
	truncateRoute   = route{label: telemetry.LabelDelete, post: (*Server).postTruncate}
	appendRoute     = route{label: telemetry.LabelDatasources, post: (*Server).postAppend, head: (*Server).checkAppend}
	replaceRoute    = route{label: telemetry.LabelDatasources, post: (*Server).postReplace, head: (*Server).postReplace}
)

// findSourceRoute finds the route of one data source.
func findSourceRoute(path string) *route {
	switch name, action := cutSource(path); action {
	case "delete":
		return &deleteRoute
	case "truncate":
		return &truncateRoute
	case "sync":
		return &syncRoute
	case "append":
		return &appendRoute
	case "replace":
		return &replaceRoute
	case "":
		if name != "" {
			return &datasourceRoute
		}
	}
	return nil
}

// cutSource takes the name of a data source out of a path, and what is to be done with it; both are empty for other paths.
func cutSource(path string) (name, action string) {
	for _, prefix := range sourcePrefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			name, action, _ = strings.Cut(rest, "/")
			return name, action
		}
	}
	return "", ""
}

// deletionTarget is what a request deletes from: a data source, or its quarantine.
type deletionTarget struct {
	store    DeletingStore
	name     string
	deletion engine.Deletion
}

// deletionTargetOf finds what the path names, and checks that the token may delete from it.
func (s *Server) deletionTargetOf(c *call) (*deletionTarget, error) {
	name, _ := cutSource(string(c.Target.Path))
	sourceName, rejects := strings.CutSuffix(name, pipes.QuarantineSuffix)
	src := c.sources.in(c.store, sourceName)
	store, ok := c.store.(DeletingStore)
	if src == nil || !ok {
		return nil, problem.NotFound("the data source %s does not exist; GET /v0/datasources lists those that do", problem.Shown(name))
	}
	if err := c.Principal.Allow(auth.Scope{Kind: auth.DeleteSource, Name: src.name}); err != nil {
		return nil, err
	}
	if !rejects && !src.builtIn() {
		return nil, problem.BadParameter("the rows of %s are rows of %s, beside those of other data sources, and are deleted there; POST /v0/datasources/%s/truncate empties its quarantine",
			src.name, src.rowType.name, src.name+pipes.QuarantineSuffix)
	}
	if rejects && c.Principal.Within != "" {
		return nil, problem.Forbidden("the token %s is bounded to models, and lines of the quarantine are of any", problem.Shown(c.Principal.Name))
	}
	return &deletionTarget{store, name, engine.Deletion{Source: src.name, Rejects: rejects, Within: c.Principal.Within}}, nil
}

// postDelete serves POST /v0/datasources/<name>/delete.
func (s *Server) postDelete(c *call) error {
	t, err := s.deletionTargetOf(c)
	if err != nil {
		return err
	}
	if t.deletion.Rejects {
		return problem.BadParameter("the quarantine has no columns of its rows to put conditions on; POST /v0/datasources/%s/truncate empties it", t.name)
	}
	if err := c.ReadParams(); err != nil {
		return err
	}
	if err := c.Params.CheckAll(nothingDeleted, []string{conditionParameter, dryRunParameter}); err != nil {
		return err
	}
	dry, err := c.Params.Boolean(dryRunParameter)
	if err != nil {
		return err
	}
	found, err := s.condition(c, &t.deletion)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.AppendTimeout)
	defer cancel()
	if dry {
		return s.countDeletion(ctx, c, t, found)
	}
	done, err := s.deleteRows(ctx, c, t, found)
	if err != nil {
		return err
	}
	if err := c.SendJSON(s.jobs.Deletion(&c.Exchange, t.name, affected(t, done))); err != nil {
		return err
	}
	c.Ctx.SetStatusCode(fasthttp.StatusCreated)
	return nil
}

// postTruncate serves POST /v0/datasources/<name>/truncate.
func (s *Server) postTruncate(c *call) error {
	t, err := s.deletionTargetOf(c)
	if err != nil {
		return err
	}
	if err := c.ReadParams(); err != nil {
		return err
	}
	if _, given, err := c.Params.Text(conditionParameter); given || err != nil {
		return problem.BadParameter("truncate deletes everything and has no delete_condition; POST /v0/datasources/%s/delete has", t.name)
	}
	if err := c.Params.CheckAll(nothingDeleted, []string{dryRunParameter}, conditionParameter); err != nil {
		return err
	}
	dry, err := c.Params.Boolean(dryRunParameter)
	if err != nil {
		return err
	}
	everything := where.Everything()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.AppendTimeout)
	defer cancel()
	if dry {
		return s.countDeletion(ctx, c, t, everything)
	}
	if _, err := s.deleteRows(ctx, c, t, everything); err != nil {
		return err
	}
	c.Ctx.SetStatusCode(fasthttp.StatusResetContent)
	return nil
}

// condition reads the parameter delete_condition into a deletion.
func (s *Server) condition(c *call, d *engine.Deletion) (*where.Condition, error) {
	text, given, err := c.Params.Text(conditionParameter)
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, problem.BadParameter("the parameter delete_condition is missing; it says which rows, such as model_id = 'a' AND timestamp < '2026-11-01 00:00:00'")
	}
	if len(text) > conditionMax {
		return nil, problem.BadParameter("the parameter delete_condition has %d bytes; %d are allowed", len(text), conditionMax)
	}
	found, err := where.Parse(string(text), s.opts.Now())
	if err != nil {
		return nil, problem.BadParameter("the parameter delete_condition: %s", err)
	}
	meant(d, found)
	return found, nil
}

// DeletionOf reads a delete_condition, for a program that has the store itself. never tells that no row can meet it.
func DeletionOf(text string, now time.Time) (d engine.Deletion, never bool, err error) {
	found, err := where.Parse(text, now)
	if err != nil {
		return d, false, err
	}
	meant(&d, found)
	return d, found.Never(), nil
}

// meant makes a deletion that of a condition.
func meant(d *engine.Deletion, found *where.Condition) {
	d.Models, d.Versions, d.Environments, d.IDs = found.Models, found.Versions, found.Environments, found.IDs
	if found.From > math.MinInt64 {
		d.From = time.UnixMilli(found.From)
	}
	if found.To < math.MaxInt64 {
		d.To = time.UnixMilli(found.To)
	}
}

func (s *Server) countDeletion(ctx context.Context, c *call, t *deletionTarget, found *where.Condition) error {
	if !s.queries.Take(0) {
		return problem.Busy(s.limits.QueriesMax, "too many queries are running; send this one again")
	}
	defer s.queries.Give()
	var count engine.Deleted
	if !found.Never() {
		var err error
		if count, err = t.store.CountDeletion(ctx, t.deletion); err != nil {
			return err
		}
	}
	return c.SendJSON(map[string]any{"rows_to_be_deleted": affected(t, count)})
}

// deleteRows deletes and logs who did, and how: of the condition without its literals.
func (s *Server) deleteRows(ctx context.Context, c *call, t *deletionTarget, found *where.Condition) (done engine.Deleted, err error) {
	if !found.Never() {
		done, err = t.store.DeleteRows(ctx, t.deletion)
		s.repeats.deleted(s.opts.Now())
	}
	args := []any{
		"datasource", t.name, "condition", found.Shape, "token", c.Principal.Name, "remote", c.Ctx.RemoteAddr().String(),
		"rows", done.Rows, "actuals", done.Actuals, "rejects", done.Rejects, "lsn", done.LSN,
	}
	if err != nil {
		s.log.Warn("deletion failed", append(args, "error", err)...)
		return done, err
	}
	s.log.Info("deleted", args...)
	return done, nil
}

// affected counts the rows of the data source that a deletion is about.
func affected(t *deletionTarget, d engine.Deleted) uint64 {
	switch {
	case t.deletion.Rejects:
		return uint64(d.Rejects)
	case t.deletion.Source == actualsName:
		return uint64(d.Actuals)
	}
	return d.Rows
}
