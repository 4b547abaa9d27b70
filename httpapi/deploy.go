package httpapi

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

type (
	// Deployments are the projects that are deployed to a server.
	Deployments = workspace.Deployments
	// Deploying is a wish to deploy.
	Deploying = workspace.Deploying
	// DeployOutcome is what became of one.
	DeployOutcome = workspace.Outcome
	// Deployment is a project that was deployed.
	Deployment = workspace.Deployment
	// DeployProblem is something wrong with a project.
	DeployProblem = workspace.Problem
	// ProjectFile is a file of a project.
	ProjectFile = workspace.File
	// DeployChanges are what is new, changed and deleted.
	DeployChanges = workspace.Changes
	// DeployNames are names by what they are of.
	DeployNames = workspace.Names
)

// The results of a deploy.
const (
	DeploySuccess   = workspace.Success
	DeployFailed    = workspace.Failed
	DeployNoChanges = workspace.NoChanges
)

// The classes of errors of [Deployments].
var (
	ErrProjectFiles  = workspace.ErrFiles
	ErrNoDeployment  = workspace.ErrNotFound
	ErrDeployRefused = workspace.ErrRefused
	ErrDeployUnknown = workspace.ErrUnknown
)

const (
	deployPath        = "/v1/deploy"
	buildPath         = "/v1/build"
	deploymentsPath   = "/v1/deployments"
	deploymentsPrefix = deploymentsPath + "/"
	setLiveSuffix     = "/set-live"

	// formBytesMax bounds a form with a project: what its files may have together, and the heads of its parts.
	formBytesMax = 24 << 20
)

// deploymentRoute is of one deployment.
var deploymentRoute = route{
	label: labelDeployments, get: (*Server).getDeployment, post: (*Server).postSetLive, del: (*Server).deleteDeployment,
}

// deployments checks that who asks may deploy.
func (s *Server) deployments(c *call) (Deployments, error) {
	if err := c.principal.Allow(auth.Scope{Kind: auth.Deploy}); err != nil {
		return nil, err
	}
	if s.opts.Deployments == nil {
		return nil, problem.NotFound("nothing can be deployed to this server")
	}
	return s.opts.Deployments, nil
}

// checkDeploy refuses what postDeploy does without the body.
func (s *Server) checkDeploy(c *call) error {
	_, err := s.deployments(c)
	return err
}

// postDeploy serves POST /v1/deploy: a form with the files of a project.
func (s *Server) postDeploy(c *call) error {
	check, err := c.params.boolean("check")
	if err != nil {
		return err
	}
	promote, err := c.params.boolean("auto_promote")
	if err != nil {
		return err
	}
	return s.deploy(c, Deploying{Check: check, Stage: !promote})
}

// postBuild serves POST /v1/build, by which clients deploy to a server on their own machine.
func (s *Server) postBuild(c *call) error { return s.deploy(c, Deploying{}) }

// deploy deploys the files in the body of a request.
func (s *Server) deploy(c *call, d Deploying) error {
	to, err := s.deployments(c)
	if err != nil {
		return err
	}
	if d.Destructive, err = c.params.boolean("allow_destructive_operations"); err != nil {
		return err
	}
	// One at a time: a project takes memory many times its size while it is read.
	select {
	case s.deploying <- struct{}{}:
		defer func() { <-s.deploying }()
	default:
		return problem.Busy(1, "another project is being deployed at the moment; send this one again").HangingUp()
	}
	body, done, err := s.decoders.Open(c.ctx, min(formBytesMax, s.limits.BodyBytesMax))
	if err != nil {
		return err
	}
	defer done()
	boundary := c.ctx.Request.Header.MultipartFormBoundary()
	if d.Files, err = workspace.ReadForm(c.charge.Reader(body), string(boundary)); err != nil {
		return err
	}
	d.By = c.principal.Name
	out, err := to.Deploy(d)
	if err != nil {
		return deployError(err)
	}
	s.log.Info("deploy", "result", string(out.Result), "deployment", out.Deployment.ID, "live", out.Deployment.Live, "check", d.Check,
		"token", c.principal.Name, "remote", c.ctx.RemoteAddr().String())
	shown := out.Show()
	if bytes.HasPrefix(c.target.Path, []byte(buildPath)) {
		shown.Build = &shown.Deployment
	}
	return c.sendOutcome(shown)
}

// sendOutcome answers with what became of a wish: 400 if it was the files' fault.
func (c *call) sendOutcome(shown *workspace.Shown) error {
	if err := c.sendLongJSON(shown); err != nil {
		return err
	}
	if shown.Result == workspace.Failed {
		c.ctx.SetStatusCode(fasthttp.StatusBadRequest)
	}
	return nil
}

// deployError turns an error of Deployments into an answer.
func deployError(err error) error {
	text := func(class error) string {
		_, text, found := strings.Cut(err.Error(), class.Error()+": ")
		if !found {
			text = err.Error()
		}
		return text
	}
	switch {
	case errors.Is(err, workspace.ErrFiles):
		return problem.BadRequest("the files of the project: %s", text(workspace.ErrFiles))
	case errors.Is(err, workspace.ErrNotFound):
		return problem.NotFound("there is no such deployment, or no longer")
	case errors.Is(err, workspace.ErrRefused):
		return problem.New(fasthttp.StatusConflict, "deployments", "%s", text(workspace.ErrRefused))
	case errors.Is(err, workspace.ErrUnknown):
		e := problem.New(fasthttp.StatusServiceUnavailable, "deployments",
			"the disk failed and it is not known whether the deployment is stored; a restart of the server tells, and until then none is taken")
		e.RetryAfter = 30
		return e
	}
	return err
}

// getDeployments serves GET /v1/deployments: what is live and what waits; with include_deleted=true all that are kept.
func (s *Server) getDeployments(c *call) error {
	from, err := s.deployments(c)
	if err != nil {
		return err
	}
	all, err := c.params.boolean("include_deleted")
	if err != nil {
		return err
	}
	read := from.Current
	if all {
		read = from.History
	}
	list, err := read()
	if err != nil {
		return deployError(err)
	}
	shown := make([]workspace.ShownDeployment, len(list))
	for i := range list {
		shown[i] = list[i].Show()
	}
	return c.sendLongJSON(map[string]any{"deployments": shown})
}

// deploymentNamed returns the deployments, if the token may have to do with them, and the number in the path of one; action is what
// stands behind it, with its slash.
func (s *Server) deploymentNamed(c *call) (all Deployments, id int, action string, err error) {
	if all, err = s.deployments(c); err != nil {
		return nil, 0, "", err
	}
	rest := strings.TrimPrefix(string(c.target.Path), deploymentsPrefix)
	digits, behind, found := strings.Cut(rest, "/")
	if found {
		action = "/" + behind
	}
	id, err = strconv.Atoi(digits)
	if err != nil || id < 0 || strconv.Itoa(id) != digits {
		return nil, 0, "", problem.NotFound("the deployment %s does not exist; GET /v1/deployments lists those that do", problem.Shown(digits))
	}
	return all, id, action, nil
}

// getDeployment serves GET /v1/deployments/<id>.
func (s *Server) getDeployment(c *call) error {
	from, id, action, err := s.deploymentNamed(c)
	if err != nil {
		return err
	}
	if action != "" {
		return deployError(workspace.ErrNotFound)
	}
	found, err := from.Find(id)
	if err != nil {
		return deployError(err)
	}
	return c.sendJSON(map[string]any{"result": workspace.Success, "deployment": found.Show()})
}

// postSetLive serves POST /v1/deployments/<id>/set-live.
func (s *Server) postSetLive(c *call) error {
	to, id, action, err := s.deploymentNamed(c)
	if err != nil {
		return err
	}
	if action != setLiveSuffix {
		return problem.NotFound("there is nothing at %s; POST %s<id>%s makes a deployment live", problem.Shown(c.target.Path), deploymentsPrefix, setLiveSuffix)
	}
	destructive, err := c.params.boolean("allow_destructive_operations")
	if err != nil {
		return err
	}
	out, err := to.Promote(id, destructive, c.principal.Name)
	if err != nil {
		return deployError(err)
	}
	s.log.Info("deployment promoted", "result", string(out.Result), "deployment", id, "token", c.principal.Name, "remote", c.ctx.RemoteAddr().String())
	return c.sendOutcome(out.Show())
}

// deleteDeployment serves DELETE /v1/deployments/<id>.
func (s *Server) deleteDeployment(c *call) error {
	to, id, action, err := s.deploymentNamed(c)
	if err != nil {
		return err
	}
	if action != "" {
		return deployError(workspace.ErrNotFound)
	}
	if err := to.Discard(id); err != nil {
		return deployError(err)
	}
	return c.sendJSON(map[string]any{"result": workspace.Success})
}
