package workspace

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

// The paths of deployments, and what they begin and end with.
const (
	DeployPath        = "/v1/deploy"
	BuildPath         = "/v1/build"
	DeploymentsPath   = "/v1/deployments"
	DeploymentsPrefix = DeploymentsPath + "/"
	SetLiveSuffix     = "/set-live"

	// formBytesMax bounds a form with a project: what its files may have together, and the heads of its parts.
	formBytesMax = 24 << 20
)

// Deploys are the routes of deployments.
type Deploys struct {
	// to is nil where nothing can be deployed.
	to       Deployments
	bytesMax int64
	log      *telemetry.Log
	// busy holds one value while a project is deployed.
	busy chan struct{}
}

// NewDeploys returns the routes of what is deployed to; nil where nothing can be. A body has at most bytesMax.
func NewDeploys(to Deployments, bytesMax int64, log *telemetry.Log) *Deploys {
	return &Deploys{to: to, bytesMax: bytesMax, log: log, busy: make(chan struct{}, 1)}
}

// open checks that who asks may deploy.
func (d *Deploys) open(c *exchange.Exchange) (Deployments, error) {
	if err := c.Principal.Allow(auth.Scope{Kind: auth.Deploy}); err != nil {
		return nil, err
	}
	if d.to == nil {
		return nil, problem.NotFound("nothing can be deployed to this server")
	}
	return d.to, nil
}

// Check refuses what post does without the body.
func (d *Deploys) Check(c *exchange.Exchange) error {
	_, err := d.open(c)
	return err
}

// Post serves POST /v1/deploy: a form with the files of a project.
func (d *Deploys) Post(c *exchange.Exchange) error {
	check, err := c.Params.Boolean("check")
	if err != nil {
		return err
	}
	promote, err := c.Params.Boolean("auto_promote")
	if err != nil {
		return err
	}
	return d.deploy(c, Deploying{Check: check, Stage: !promote})
}

// Build serves POST /v1/build, by which clients deploy to a server on their own machine.
func (d *Deploys) Build(c *exchange.Exchange) error { return d.deploy(c, Deploying{}) }

// deploy deploys the files in the body of a request.
func (d *Deploys) deploy(c *exchange.Exchange, wish Deploying) error {
	to, err := d.open(c)
	if err != nil {
		return err
	}
	if wish.Destructive, err = c.Params.Boolean("allow_destructive_operations"); err != nil {
		return err
	}
	// One at a time: a project takes memory many times its size while it is read.
	select {
	case d.busy <- struct{}{}:
		defer func() { <-d.busy }()
	default:
		return deployingAnother().HangingUp()
	}
	body, done, err := c.OpenBody(min(formBytesMax, d.bytesMax))
	if err != nil {
		return err
	}
	defer done()
	boundary := c.Ctx.Request.Header.MultipartFormBoundary()
	if wish.Files, err = ReadForm(c.Charge.Reader(body), string(boundary)); err != nil {
		return err
	}
	wish.By = c.Principal.Name
	out, err := to.Deploy(wish)
	if err != nil {
		return deployError(err)
	}
	d.log.Info("deploy", "result", string(out.Result), "deployment", out.Deployment.ID, "live", out.Deployment.Live, "check", wish.Check,
		"token", c.Principal.Name, "remote", c.Ctx.RemoteAddr().String())
	shown := out.Show()
	if bytes.HasPrefix(c.Target.Path, []byte(BuildPath)) {
		shown.Build = &shown.Deployment
	}
	return sendOutcome(c, shown)
}

// deployingAnother is the error of who deploys beside somebody else, to this server or to another one that shares what is deployed.
func deployingAnother() *problem.Error {
	return problem.Busy(1, "another project is being deployed at the moment; send this one again")
}

// sendOutcome answers with what became of a wish: 400 if it was the files' fault.
func sendOutcome(c *exchange.Exchange, shown *Shown) error {
	if err := c.SendLongJSON(shown); err != nil {
		return err
	}
	if shown.Result == Failed {
		c.Ctx.SetStatusCode(fasthttp.StatusBadRequest)
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
	case errors.Is(err, ErrFiles):
		return problem.BadRequest("the files of the project: %s", text(ErrFiles))
	case errors.Is(err, ErrNotFound):
		return problem.NotFound("there is no such deployment, or no longer")
	case errors.Is(err, ErrRefused):
		return problem.New(fasthttp.StatusConflict, "deployments", "%s", text(ErrRefused))
	case errors.Is(err, ErrBusy):
		return deployingAnother()
	case errors.Is(err, ErrUnknown):
		e := problem.New(fasthttp.StatusServiceUnavailable, "deployments",
			"the disk failed and it is not known whether the deployment is stored; a restart of the server tells, and until then none is taken")
		e.RetryAfter = 30
		return e
	}
	return err
}

// List serves GET /v1/deployments: what is live and what waits; with include_deleted=true all that are kept.
func (d *Deploys) List(c *exchange.Exchange) error {
	from, err := d.open(c)
	if err != nil {
		return err
	}
	all, err := c.Params.Boolean("include_deleted")
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
	shown := make([]ShownDeployment, len(list))
	for i := range list {
		shown[i] = list[i].Show()
	}
	return c.SendLongJSON(map[string]any{"deployments": shown})
}

// named returns the deployments, if the token may have to do with them, and the number in the path of one; action is what
// stands behind it, with its slash.
func (d *Deploys) named(c *exchange.Exchange) (all Deployments, id int, action string, err error) {
	if all, err = d.open(c); err != nil {
		return nil, 0, "", err
	}
	rest := strings.TrimPrefix(string(c.Target.Path), DeploymentsPrefix)
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

// Get serves GET /v1/deployments/<id>.
func (d *Deploys) Get(c *exchange.Exchange) error {
	from, id, action, err := d.named(c)
	if err != nil {
		return err
	}
	if action != "" {
		return deployError(ErrNotFound)
	}
	found, err := from.Find(id)
	if err != nil {
		return deployError(err)
	}
	return c.SendJSON(map[string]any{"result": Success, "deployment": found.Show()})
}

// Promote serves POST /v1/deployments/<id>/set-live.
func (d *Deploys) Promote(c *exchange.Exchange) error {
	to, id, action, err := d.named(c)
	if err != nil {
		return err
	}
	if action != SetLiveSuffix {
		return problem.NotFound("there is nothing at %s; POST %s<id>%s makes a deployment live", problem.Shown(c.Target.Path), DeploymentsPrefix, SetLiveSuffix)
	}
	destructive, err := c.Params.Boolean("allow_destructive_operations")
	if err != nil {
		return err
	}
	out, err := to.Promote(id, destructive, c.Principal.Name)
	if err != nil {
		return deployError(err)
	}
	d.log.Info("deployment promoted", "result", string(out.Result), "deployment", id, "token", c.Principal.Name, "remote", c.Ctx.RemoteAddr().String())
	return sendOutcome(c, out.Show())
}

// Drop serves DELETE /v1/deployments/<id>.
func (d *Deploys) Drop(c *exchange.Exchange) error {
	to, id, action, err := d.named(c)
	if err != nil {
		return err
	}
	if action != "" {
		return deployError(ErrNotFound)
	}
	if err := to.Discard(id); err != nil {
		return deployError(err)
	}
	return c.SendJSON(map[string]any{"result": Success})
}
