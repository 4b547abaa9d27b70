package httpapi

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/backups"
	"github.com/residualdb/residual/httpapi/internal/body"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

// handler serves a request, or a part of it.
type handler func(*Server, *call) error

// Handlers of other packages, which know nothing of the server and are given what they need.

func deploying(f func(*workspace.Deploys, *exchange.Exchange) error) handler {
	return func(s *Server, c *call) error { return f(s.deploys, &c.Exchange) }
}

func tokening(f func(*workspace.Tokens, *exchange.Exchange, workspace.Rights) error) handler {
	return func(s *Server, c *call) error { return f(s.tokens, &c.Exchange, c.sources) }
}

func jobbing(f func(*workspace.Jobs, *exchange.Exchange) error) handler {
	return func(s *Server, c *call) error { return f(s.jobs, &c.Exchange) }
}

func backing(f func(*backups.Backups, *exchange.Exchange, any) error) handler {
	return func(s *Server, c *call) error { return f(s.backups, &c.Exchange, c.store) }
}

// route is one row of the route table. What is not in the table does not exist.
type route struct {
	path      string
	label     telemetry.Label
	get, post handler
	// del serves DELETE.
	del handler
	// head is what the handler decides before it reads a body.
	head handler
	// open is set where no token is asked for. starting is set where no store is needed.
	open, starting bool
}

// routes is the whole surface but for pipes, single backups, single data sources and jobs, which are found by their prefixes.
var routes = [...]route{
	{path: "/v0/events", label: telemetry.LabelEvents, post: (*Server).postEvents, head: (*Server).checkSource},
	{path: "/v0/datasources", label: telemetry.LabelDatasources, get: (*Server).getDatasources, post: (*Server).postDatasource, head: (*Server).checkSource},
	{path: "/v0/pipes", label: telemetry.LabelPipes, get: (*Server).getPipes},
	{path: "/v0/pipes/openapi.json", label: telemetry.LabelOpenAPI, get: (*Server).getOpenAPI},
	{path: workspace.JobsPath, label: telemetry.LabelWorkspace, get: jobbing((*workspace.Jobs).List)},
	{path: workspace.TokensPath, label: telemetry.LabelWorkspace, get: tokening((*workspace.Tokens).List), post: tokening((*workspace.Tokens).Create), starting: true},
	{path: workspace.DeployPath, label: telemetry.LabelDeployments, post: deploying((*workspace.Deploys).Post), head: deploying((*workspace.Deploys).Check)},
	{path: workspace.BuildPath, label: telemetry.LabelDeployments, post: deploying((*workspace.Deploys).Build), head: deploying((*workspace.Deploys).Check)},
	{path: workspace.DeploymentsPath, label: telemetry.LabelDeployments, get: deploying((*workspace.Deploys).List)},
	{path: pipes.SQLPath, label: telemetry.LabelSQL, get: (*Server).runSQL, post: (*Server).runSQL},
	{path: backups.Path, label: telemetry.LabelBackups, post: backing((*backups.Backups).Begin)},
	{path: agentPath, label: telemetry.LabelAgent, get: (*Server).serveAgent, post: (*Server).serveAgent},
	{path: "/health", label: telemetry.LabelHealth, get: (*Server).getHealth, open: true, starting: true},
	{path: "/metrics", label: telemetry.LabelMetrics, get: (*Server).getMetrics, starting: true},
}

// apiPrefix is that of every route that asks for a token but /metrics: nothing of the page lies below it.
const apiPrefix = "/v0/"

var pageRoute = route{label: telemetry.LabelPage, get: (*Server).getPage, open: true, starting: true}

// lostRoute is that of a browser at a path where nothing is: whoever mistyped it is no program.
var lostRoute = route{label: telemetry.LabelPage, get: (*Server).getLost, open: true, starting: true}

// lost tells whether a request to a path where nothing is comes from a browser that shows what it gets.
func (s *Server) lost(c *call) bool {
	header := &c.Ctx.Request.Header
	return s.opts.Page != nil && (c.Ctx.IsGet() || c.Ctx.IsHead()) && !bytes.HasPrefix(c.Target.Path, []byte(apiPrefix)) && !bytes.HasPrefix(c.Target.Path, []byte("/v1/")) &&
		bytes.Contains(header.Peek(fasthttp.HeaderAccept), []byte("text/html"))
}

var pipeRoute = route{label: telemetry.LabelPipe, get: (*Server).runPipe, post: (*Server).runPipe}

// Routes of one thing, whose name is in the path.
var (
	jobRoute        = route{label: telemetry.LabelDelete, get: jobbing((*workspace.Jobs).Get)}
	tokenRoute      = route{label: telemetry.LabelWorkspace, get: tokening((*workspace.Tokens).Get), del: tokening((*workspace.Tokens).Revoke), starting: true}
	deploymentRoute = route{
		label: telemetry.LabelDeployments, get: deploying((*workspace.Deploys).Get), post: deploying((*workspace.Deploys).Promote), del: deploying((*workspace.Deploys).Drop),
	}
	// backupRoute is of its files, its renewal and its end.
	backupRoute = route{label: telemetry.LabelBackups, get: backing((*backups.Backups).File), post: backing((*backups.Backups).Change)}
)

// route serves a request whose head has come.
func (s *Server) route(c *call) error {
	r, err := s.admit(c)
	if err != nil || r == nil {
		return err
	}
	switch {
	case c.Ctx.IsPost():
		return r.post(s, c)
	case c.Ctx.IsDelete():
		return r.del(s, c)
	}
	return r.get(s, c)
}

// checkHead refuses a request for which no body needs to come.
func (s *Server) checkHead(c *call) error {
	r, err := s.admit(c)
	if err != nil || r == nil {
		return err
	}
	c.Ctx.SetUserValue(admitted{}, true)
	if err := body.CheckLength(c.Ctx, s.limits.BodyBytesMax); err != nil {
		return err
	}
	if r.head == nil || !c.Ctx.IsPost() {
		return nil
	}
	return r.head(s, c)
}

// admitted is the key of what a request holds that expect let through.
type admitted struct{}

// admit checks a request from the outside in: its framing, its path, its token, its method. A handler sees only what
// passed. There is no route for a preflight, which admit answers.
func (s *Server) admit(c *call) (*route, error) {
	err := conn.CheckFraming(&c.Ctx.Request.Header)
	if err != nil {
		return nil, err
	}
	if c.Target, err = conn.ParseTarget(c.Ctx.Request.Header.RequestURI()); err != nil {
		return nil, err
	}
	r := s.findRoute(c.Target.Path)
	if r == nil && s.lost(c) {
		r = &lostRoute
	}
	if err := s.checkOrigin(c, r); err != nil {
		return nil, err
	}
	commonHeaders(&c.Ctx.Response.Header)
	c.cors()
	if c.Ctx.IsOptions() {
		c.Label = telemetry.LabelPreflight
		preflight(c.Ctx)
		return nil, nil
	}
	c.sources = s.sources.Load()
	if r != nil {
		c.Label = r.label
	}
	c.Params.Parse(c.Target.Query)
	if r == nil || !r.open {
		err := s.identify(c)
		// A request without a known token counts too: guessing must not be free.
		if over := s.checkQuota(c); over != nil {
			return nil, over
		}
		if err != nil {
			return nil, err
		}
	}
	if r == nil {
		return nil, problem.NotFound("there is nothing at %s", problem.Shown(c.Target.Path))
	}
	if err := r.allows(c.Ctx); err != nil {
		return nil, err
	}
	if p := s.store.Load(); p != nil {
		c.store = *p
	} else if !r.starting {
		return nil, problem.Busy(0, "the server is starting: "+s.opts.Starting)
	}
	return r, nil
}

func (s *Server) findRoute(path []byte) *route {
	for i := range routes {
		if string(path) == routes[i].path {
			if routes[i].label == telemetry.LabelAgent && s.opts.Agent == nil {
				return nil
			}
			return &routes[i]
		}
	}
	if r := s.findWorkspaceRoute(path); r != nil {
		return r
	}
	if bytes.HasPrefix(path, []byte(workspace.TokensPrefix)) {
		return &tokenRoute
	}
	if bytes.HasPrefix(path, []byte(workspace.DeploymentsPrefix)) {
		return &deploymentRoute
	}
	if bytes.HasPrefix(path, []byte(pipes.Prefix)) {
		return &pipeRoute
	}
	if bytes.HasPrefix(path, []byte(backups.Prefix)) {
		return &backupRoute
	}
	if bytes.HasPrefix(path, []byte(workspace.JobsPrefix)) {
		return &jobRoute
	}
	if r := findSourceRoute(string(path)); r != nil {
		return r
	}
	if s.opts.Page != nil && !bytes.HasPrefix(path, []byte(apiPrefix)) && s.opts.Page.Has(path) {
		return &pageRoute
	}
	return nil
}

// allows refuses a method that the route does not have.
func (r *route) allows(ctx *fasthttp.RequestCtx) error {
	if r.get != nil && (ctx.IsGet() || ctx.IsHead()) || r.post != nil && ctx.IsPost() || r.del != nil && ctx.IsDelete() {
		return nil
	}
	var methods []string
	if r.get != nil {
		methods = append(methods, "GET", "HEAD")
	}
	if r.post != nil {
		methods = append(methods, "POST")
	}
	if r.del != nil {
		methods = append(methods, "DELETE")
	}
	allowed := strings.Join(append(methods, "OPTIONS"), ", ")
	ctx.Response.Header.Set(fasthttp.HeaderAllow, allowed)
	return problem.New(fasthttp.StatusMethodNotAllowed, "routes", "the method %s is not allowed here; %s are",
		problem.Shown(ctx.Method()), allowed)
}

func commonHeaders(header *fasthttp.ResponseHeader) {
	header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	header.Set(fasthttp.HeaderCacheControl, "no-store")
}

// pageHeaders keep what the page shows to itself: it runs, loads and asks nothing from elsewhere, no script or style stands in
// its text, it is in no frame, and where it leads to does not learn its address, which has the names of models.
var pageHeaders = [...][2]string{
	{"Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"X-Frame-Options", "DENY"}, // for browsers that do not know frame-ancestors
	{fasthttp.HeaderCacheControl, "no-cache"},
}

// getPage answers with a file of the page.
func (s *Server) getPage(c *call) error {
	headPage(&c.Ctx.Response.Header)
	s.opts.Page.Serve(c.Ctx)
	return nil
}

// getLost answers with the page that leads back.
func (s *Server) getLost(c *call) error {
	headPage(&c.Ctx.Response.Header)
	if !s.opts.Page.Lost(c.Ctx) {
		for _, h := range pageHeaders {
			c.Ctx.Response.Header.Del(h[0])
		}
		commonHeaders(&c.Ctx.Response.Header)
		return problem.NotFound("there is nothing at %s", problem.Shown(c.Target.Path))
	}
	return nil
}

// headPage gives an answer the headers of the page.
func headPage(header *fasthttp.ResponseHeader) {
	header.Del(fasthttp.HeaderAccessControlAllowOrigin)
	header.Del(fasthttp.HeaderAccessControlExposeHeaders)
	for _, h := range pageHeaders {
		header.Set(h[0], h[1])
	}
}
