package httpapi

import (
	"iter"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/openapi"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/workspace"
	"github.com/residualdb/residual/internal/endpoint"
)

// The catalog lists what a token may use, in the shape of Tinybird's lists.

type columnInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// JSONPath and Default are of the columns of a mapping.
	JSONPath string  `json:"jsonpath,omitempty"`
	Default  *string `json:"default_value,omitempty"`
}

type sourceInfo struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Type        string       `json:"type"`
	CreatedAt   string       `json:"created_at"`
	UpdatedAt   string       `json:"updated_at"`
	Statistics  *sourceStats `json:"statistics,omitempty"`
	Columns     []columnInfo `json:"columns"`
}

// sourceStats are told to whom may read the data source, and sees every model.
type sourceStats struct {
	RowCount uint64 `json:"row_count"`
	Bytes    int64  `json:"bytes"`
}

type pipeInfo struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Type        string     `json:"type"`
	Endpoint    string     `json:"endpoint"`
	UpdatedAt   string     `json:"updated_at"`
	Nodes       []nodeInfo `json:"nodes"`
	Formats     []string   `json:"formats"`
}

// nodeInfo is a node of a pipe.
type nodeInfo struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	SQL         string `json:"sql,omitempty"`
}

// getDatasources serves GET /v0/datasources.
func (s *Server) getDatasources(c *call) error {
	list := []sourceInfo{}
	for _, src := range c.sources.list {
		if src.inStore(c.store) && c.Principal.Holds(src.rights()...) {
			list = append(list, c.sourceInfo(src))
		}
	}
	return c.SendLongJSON(map[string]any{"datasources": list})
}

// getDatasource serves GET /v0/datasources/<name>.
func (s *Server) getDatasource(c *call) error {
	name, _ := cutSource(string(c.Target.Path))
	src, err := c.source(name)
	if err != nil {
		return err
	}
	if err := c.Principal.Allow(src.rights()...); err != nil {
		return err
	}
	return c.SendJSON(c.sourceInfo(src))
}

// rights are the scopes of which one is needed to be told about the data source.
func (src *source) rights() []auth.Scope {
	return []auth.Scope{{Kind: auth.AppendSource, Name: src.name}, {Kind: auth.ReadSource, Name: src.name}}
}

// sourceInfo describes a data source. Of what every server has it is told that it was there when the server started.
func (c *call) sourceInfo(src *source) sourceInfo {
	began := workspace.Time(c.server.started)
	info := sourceInfo{ID: src.name, Name: src.name, Description: src.description, Type: "csv", CreatedAt: began, UpdatedAt: began}
	if c.Principal.Within == "" && c.Principal.Holds(auth.Scope{Kind: auth.ReadSource, Name: src.name}) {
		info.Statistics = src.stats(c.store)
	}
	if src.mapping != nil {
		info.Columns = src.mappedColumns()
	} else {
		info.Columns = columnInfos(src.columns)
	}
	return info
}

// stats counts the rows of a data source: of one of a project those that came since the server started, because its rows are rows of all.
func (src *source) stats(store Store) *sourceStats {
	stats := store.Stats()
	switch {
	case !src.builtIn():
		return &sourceStats{RowCount: src.counts.rows.Load(), Bytes: int64(src.counts.bytes.Load())}
	case stats.Unmeasured:
		return nil
	case src.name == actualsName && stats.Elsewhere:
		return &sourceStats{RowCount: src.counts.rows.Load(), Bytes: stats.Disk.Actuals}
	case src.name == actualsName:
		return &sourceStats{RowCount: src.counts.rows.Load(), Bytes: stats.ActualsBytes}
	}
	return &sourceStats{RowCount: stats.HeadRows + stats.SealedRows, Bytes: stats.HeadBytes + stats.SealedBytes}
}

// getPipes serves GET /v0/pipes.
func (s *Server) getPipes(c *call) error {
	list := []pipeInfo{}
	for p := range c.openPipes() {
		list = append(list, c.pipeInfo(p))
	}
	return c.SendLongJSON(map[string]any{"pipes": list})
}

// pipeInfo describes a pipe: of one of a project also its nodes.
func (c *call) pipeInfo(p *pipes.Pipe) pipeInfo {
	nodes := []nodeInfo{{ID: p.Name + "_node", Name: p.Name + "_node"}}
	if written := c.sources.set.NodesOf(p); len(written) > 0 {
		nodes = nodes[:0]
		for _, n := range written {
			nodes = append(nodes, nodeInfo{ID: n.Name, Name: n.Name, Description: n.Description, SQL: n.SQL})
		}
	}
	return pipeInfo{
		ID: p.Name, Name: p.Name, Description: p.Description, Type: "endpoint", Endpoint: nodes[len(nodes)-1].ID,
		UpdatedAt: workspace.Time(c.server.started), Nodes: nodes, Formats: formatNames(p),
	}
}

// mappedColumns describes the columns of a mapping.
func (src *source) mappedColumns() []columnInfo {
	infos := []columnInfo{}
	for i := range src.mapping.Columns {
		m := &src.mapping.Columns[i]
		at := slices.IndexFunc(src.columns, func(c encode.Column) bool { return c.Name == m.Name })
		info := columnInfo{Name: m.Name, Type: src.columns[at].Kind.String(), JSONPath: strings.Join(append([]string{"$"}, m.Path...), ".")}
		if m.HasDefault {
			info.Default = &m.Default
		}
		infos = append(infos, info)
	}
	return infos
}

func columnInfos(columns []encode.Column) []columnInfo {
	infos := make([]columnInfo, len(columns))
	for i, column := range columns {
		infos[i] = columnInfo{Name: column.Name, Type: column.Kind.String()}
	}
	return infos
}

func formatNames(p *pipes.Pipe) (names []string) {
	for _, f := range p.Formats() {
		names = append(names, f.Extension)
	}
	return names
}

// getOpenAPI serves GET /v0/pipes/openapi.json: what the token may ask, as OpenAPI 3.1.
func (s *Server) getOpenAPI(c *call) error {
	if c.findDescriptionTag("openapi"); c.Unchanged() {
		return nil
	}
	c.Ctx.Response.Header.Set(fasthttp.HeaderETag, c.Tag)
	_, sql := c.store.(endpoint.Store)
	return c.SendJSON(openapi.Document(&openapi.Shown{
		Version: s.opts.Version, Pipes: c.openPipes(),
		SQL:         sql && c.sources.set.Project != nil,
		Deployments: c.Principal.Holds(auth.Scope{Kind: auth.Deploy}),
		Tokens:      c.Principal.Holds(auth.Scope{Kind: auth.Admin}),
	}))
}

// openPipes are the pipes that the token may ask.
func (c *call) openPipes() iter.Seq[*pipes.Pipe] {
	return func(yield func(*pipes.Pipe) bool) {
		for p := range c.sources.set.All() {
			if p.OpenTo(&c.Principal, c.store) && !yield(p) {
				return
			}
		}
	}
}
