package httpapi

import (
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

// Clients of Tinybird ask for the workspace, its regions and branches before they do anything. A server is one workspace.

// workspaceRoutes are those of the workspace, with the paths as clients spell them.
var workspaceRoutes = [...]route{
	{path: "/v1/workspace", label: telemetry.LabelWorkspace, get: (*Server).getWorkspace, starting: true},
	{path: "/v0/workspace", label: telemetry.LabelWorkspace, get: (*Server).getWorkspace, starting: true},
	{path: "/v0/regions", label: telemetry.LabelWorkspace, get: (*Server).getRegions, starting: true},
	{path: "/v1/environments", label: telemetry.LabelWorkspace, get: (*Server).getEnvironments, starting: true},
	{path: "/v0/environments", label: telemetry.LabelWorkspace, get: (*Server).getEnvironments, starting: true},
	{path: "/v0/user/workspaces", label: telemetry.LabelWorkspace, get: (*Server).getUserWorkspaces, starting: true},
	{path: "/v1/user/workspaces", label: telemetry.LabelWorkspace, get: (*Server).getUserWorkspaces, starting: true},
	{path: "/v0/user/workspaces/", label: telemetry.LabelWorkspace, get: (*Server).getUserWorkspaces, starting: true},
	{path: "/v1/user/workspaces/", label: telemetry.LabelWorkspace, get: (*Server).getUserWorkspaces, starting: true},
	{path: "/v0/variables", label: telemetry.LabelWorkspace, get: (*Server).getSecrets, starting: true},
	{path: "/v0/connectors", label: telemetry.LabelWorkspace, get: (*Server).getConnectors, starting: true},
	{path: "/examples/query.http", label: telemetry.LabelWorkspace, get: (*Server).getExample},
}

// localRoutes are there as long as the server asks for no tokens: clients look by them for a server on their own machine.
var localRoutes = [...]route{
	{path: "/v1/workspaces", label: telemetry.LabelWorkspace, post: (*Server).postWorkspaces, starting: true},
	{path: "/tokens", label: telemetry.LabelWorkspace, get: (*Server).getLocalTokens, starting: true},
}

// findWorkspaceRoute finds a route of the workspace; nil if there is none.
func (s *Server) findWorkspaceRoute(path []byte) *route {
	for i := range workspaceRoutes {
		if string(path) == workspaceRoutes[i].path {
			return &workspaceRoutes[i]
		}
	}
	for i := range localRoutes {
		if string(path) == localRoutes[i].path && s.opts.Tokens.Open() {
			return &localRoutes[i]
		}
	}
	return nil
}

func (s *Server) getWorkspace(c *call) error { return c.SendJSON(workspace.TheWorkspace()) }

func (s *Server) getRegions(c *call) error { return c.SendJSON(map[string]any{"regions": []string{}}) }

// getEnvironments tells of no branches.
func (s *Server) getEnvironments(c *call) error {
	return c.SendJSON(map[string]any{"environments": []string{}})
}

// getSecrets tells of no secrets: those of a server are in files and variables of its machine.
func (s *Server) getSecrets(c *call) error {
	return c.SendJSON(map[string]any{"variables": []string{}})
}

func (s *Server) getConnectors(c *call) error {
	return c.SendJSON(map[string]any{"connectors": []string{}})
}

func (s *Server) getUserWorkspaces(c *call) error {
	info := workspace.TheWorkspace()
	if s.opts.Tokens.Open() {
		info.Token = workspace.AnyToken
	}
	return c.SendJSON(map[string]any{"organization_id": info.ID, "organization_name": info.Name, "workspaces": []workspace.Info{info}})
}

// postWorkspaces serves POST /v1/workspaces: clients make one before they build. There is one already, whatever its name.
func (s *Server) postWorkspaces(c *call) error {
	info := workspace.TheWorkspace()
	info.Token = workspace.AnyToken
	return c.SendJSON(info)
}

// getLocalTokens serves GET /tokens.
func (s *Server) getLocalTokens(c *call) error {
	return c.SendJSON(map[string]any{
		"user_token": workspace.AnyToken, "admin_token": workspace.AnyToken, "workspace_admin_token": workspace.AnyToken,
	})
}

// clientsHost is what clients replace by the address that they have of the server.
const clientsHost = "http://localhost:8001"

// getExample serves GET /examples/query.http: the address of a pipe.
func (s *Server) getExample(c *call) error {
	name, err := c.Params.TextOr("pipe", "")
	if err != nil {
		return err
	}
	p := c.sources.set.Named(name)
	if p == nil || !p.In(c.store) {
		return problem.NotFound("the pipe %s does not exist", problem.Shown(name))
	}
	if err := c.Principal.Allow(p.Rights()...); err != nil {
		return err
	}
	return c.SendBody([]byte(clientsHost+pipes.Prefix+p.Name+".json"), "text/plain")
}
