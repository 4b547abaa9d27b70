package httpapi

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/body"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// label names a route in logs and metrics. The set is closed, so that no request can add to it.
type label uint8

const (
	labelRefused label = iota // before a route was found
	labelEvents
	labelDatasources
	labelPipes
	labelPipe
	labelOpenAPI
	labelHealth
	labelMetrics
	labelPreflight
	labelBackups
	labelDelete
	labelPage
	labelDeployments
	labelWorkspace
	labelSQL
	labelAgent
	labelCount
)

var labelNames = [labelCount]string{
	"refused", "events", "datasources", "pipes", "pipe", "openapi", "health", "metrics", "preflight", "backups", "delete", "page",
	"deployments", "workspace", "sql", "agent",
}

func (l label) String() string { return labelNames[l] }

// route is one row of the route table. What is not in the table does not exist.
type route struct {
	path      string
	label     label
	get, post func(*Server, *call) error
	// del serves DELETE.
	del func(*Server, *call) error
	// head is what the handler decides before it reads a body.
	head func(*Server, *call) error
	// open is set where no token is asked for. starting is set where no store is needed.
	open, starting bool
}

const pipesPrefix = "/v0/pipes/"

// routes is the whole surface but for pipes, single backups, single data sources and jobs, which are found by their prefixes.
var routes = [...]route{
	{path: "/v0/events", label: labelEvents, post: (*Server).postEvents, head: (*Server).checkSource},
	{path: "/v0/datasources", label: labelDatasources, get: (*Server).getDatasources, post: (*Server).postDatasource, head: (*Server).checkSource},
	{path: "/v0/pipes", label: labelPipes, get: (*Server).getPipes},
	{path: "/v0/pipes/openapi.json", label: labelOpenAPI, get: (*Server).getOpenAPI},
	{path: jobsPath, label: labelWorkspace, get: (*Server).getJobs},
	{path: tokensPath, label: labelWorkspace, get: (*Server).getTokens, post: (*Server).postTokens, starting: true},
	{path: deployPath, label: labelDeployments, post: (*Server).postDeploy, head: (*Server).checkDeploy},
	{path: buildPath, label: labelDeployments, post: (*Server).postBuild, head: (*Server).checkDeploy},
	{path: deploymentsPath, label: labelDeployments, get: (*Server).getDeployments},
	{path: sqlPath, label: labelSQL, get: (*Server).runSQL, post: (*Server).runSQL},
	{path: backupsPath, label: labelBackups, post: (*Server).postBackups},
	{path: agentPath, label: labelAgent, get: (*Server).serveAgent, post: (*Server).serveAgent},
	{path: "/health", label: labelHealth, get: (*Server).getHealth, open: true, starting: true},
	{path: "/metrics", label: labelMetrics, get: (*Server).getMetrics, starting: true},
}

// apiPrefix is that of every route that asks for a token but /metrics: nothing of the page lies below it.
const apiPrefix = "/v0/"

var pageRoute = route{label: labelPage, get: (*Server).getPage, open: true, starting: true}

var pipeRoute = route{label: labelPipe, get: (*Server).runPipe, post: (*Server).runPipe}

// route serves a request whose head has come.
func (s *Server) route(c *call) error {
	r, err := s.admit(c)
	if err != nil || r == nil {
		return err
	}
	switch {
	case c.ctx.IsPost():
		return r.post(s, c)
	case c.ctx.IsDelete():
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
	c.ctx.SetUserValue(admitted{}, true)
	if err := body.CheckLength(c.ctx, s.limits.BodyBytesMax); err != nil {
		return err
	}
	if r.head == nil || !c.ctx.IsPost() {
		return nil
	}
	return r.head(s, c)
}

// admitted is the key of what a request holds that expect let through.
type admitted struct{}

// admit checks a request from the outside in: its framing, its path, its token, its method. A handler sees only what
// passed. There is no route for a preflight, which admit answers.
func (s *Server) admit(c *call) (*route, error) {
	err := conn.CheckFraming(&c.ctx.Request.Header)
	if err != nil {
		return nil, err
	}
	if c.target, err = conn.ParseTarget(c.ctx.Request.Header.RequestURI()); err != nil {
		return nil, err
	}
	r := s.findRoute(c.target.Path)
	if err := s.checkOrigin(c, r); err != nil {
		return nil, err
	}
	commonHeaders(&c.ctx.Response.Header)
	c.cors()
	if c.ctx.IsOptions() {
		c.label = labelPreflight
		preflight(c.ctx)
		return nil, nil
	}
	c.sources = s.sources.Load()
	if r != nil {
		c.label = r.label
	}
	c.params.parse(c.target.Query)
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
		return nil, problem.NotFound("there is nothing at %s", problem.Shown(c.target.Path))
	}
	if err := r.allows(c.ctx); err != nil {
		return nil, err
	}
	if p := s.store.Load(); p != nil {
		c.store = *p
	} else if !r.starting {
		return nil, problem.Busy(0, "the server is starting: "+replaying)
	}
	return r, nil
}

func (s *Server) findRoute(path []byte) *route {
	for i := range routes {
		if string(path) == routes[i].path {
			if routes[i].label == labelAgent && s.opts.Agent == nil {
				return nil
			}
			return &routes[i]
		}
	}
	if r := s.findWorkspaceRoute(path); r != nil {
		return r
	}
	if bytes.HasPrefix(path, []byte(tokensPrefix)) {
		return &tokenRoute
	}
	if bytes.HasPrefix(path, []byte(deploymentsPrefix)) {
		return &deploymentRoute
	}
	if bytes.HasPrefix(path, []byte(pipesPrefix)) {
		return &pipeRoute
	}
	if bytes.HasPrefix(path, []byte(backupsPrefix)) {
		return &backupRoute
	}
	if bytes.HasPrefix(path, []byte(jobsPrefix)) {
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
	header := &c.ctx.Response.Header
	header.Del(fasthttp.HeaderAccessControlAllowOrigin)
	header.Del(fasthttp.HeaderAccessControlExposeHeaders)
	for _, h := range pageHeaders {
		header.Set(h[0], h[1])
	}
	s.opts.Page.Serve(c.ctx)
	return nil
}
