package httpapi

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
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
		if src.inStore(c.store) && c.principal.Holds(src.rights()...) {
			list = append(list, c.sourceInfo(src))
		}
	}
	return c.sendLongJSON(map[string]any{"datasources": list})
}

// getDatasource serves GET /v0/datasources/<name>.
func (s *Server) getDatasource(c *call) error {
	name, _ := cutSource(string(c.target.Path))
	src, err := c.source(name)
	if err != nil {
		return err
	}
	if err := c.principal.Allow(src.rights()...); err != nil {
		return err
	}
	return c.sendJSON(c.sourceInfo(src))
}

// rights are the scopes of which one is needed to be told about the data source.
func (src *source) rights() []auth.Scope {
	return []auth.Scope{{Kind: auth.AppendSource, Name: src.name}, {Kind: auth.ReadSource, Name: src.name}}
}

// sourceInfo describes a data source. Of what every server has it is told that it was there when the server started.
func (c *call) sourceInfo(src *source) sourceInfo {
	began := workspace.Time(c.server.started)
	info := sourceInfo{ID: src.name, Name: src.name, Description: src.description, Type: "csv", CreatedAt: began, UpdatedAt: began}
	if c.principal.Within == "" && c.principal.Holds(auth.Scope{Kind: auth.ReadSource, Name: src.name}) {
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
	case src.name == actualsName:
		return &sourceStats{RowCount: src.counts.rows.Load(), Bytes: stats.ActualsBytes}
	}
	return &sourceStats{RowCount: stats.HeadRows + stats.SealedRows, Bytes: stats.HeadBytes + stats.SealedBytes}
}

// getPipes serves GET /v0/pipes.
func (s *Server) getPipes(c *call) error {
	list := []pipeInfo{}
	for p := range c.sources.pipes() {
		if p.openTo(&c.principal, c.store) {
			list = append(list, c.pipeInfo(p))
		}
	}
	return c.sendLongJSON(map[string]any{"pipes": list})
}

// pipeInfo describes a pipe: of one of a project also its nodes.
func (c *call) pipeInfo(p *pipe) pipeInfo {
	nodes := []nodeInfo{{ID: p.name + "_node", Name: p.name + "_node"}}
	if written := c.sources.nodesOf(p); len(written) > 0 {
		nodes = nodes[:0]
		for _, n := range written {
			nodes = append(nodes, nodeInfo{ID: n.Name, Name: n.Name, Description: n.Description, SQL: n.SQL})
		}
	}
	return pipeInfo{
		ID: p.name, Name: p.name, Description: p.description, Type: "endpoint", Endpoint: nodes[len(nodes)-1].ID,
		UpdatedAt: workspace.Time(c.server.started), Nodes: nodes, Formats: p.formatNames(),
	}
}

// nodesOf are the nodes of a pipe of the project; those that every server has have none to be shown.
func (s *sources) nodesOf(p *pipe) []endpoint.Node {
	if !p.deployed {
		return nil
	}
	all := s.set.Endpoints()
	i := slices.IndexFunc(all, func(e endpoint.Endpoint) bool { return e.Name == p.name })
	return all[i].Nodes
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

func (p *pipe) formatNames() (names []string) {
	for _, f := range p.formats() {
		names = append(names, f.Extension)
	}
	return names
}

func (c *call) sendJSON(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.ctx.SetStatusCode(fasthttp.StatusOK)
	c.ctx.SetContentType(problem.JSONType)
	c.ctx.SetBody(append(body, '\n'))
	return nil
}

// sendLongJSON is sendJSON for what may be long.
func (c *call) sendLongJSON(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return c.sendBody(append(body, '\n'), problem.JSONType)
}

// Column is one column of a pipe's answer, with what its name does not say; empty where it says all.
type Column struct{ Name, Description string }

// Columns returns the columns of a pipe, which must be one of the server's.
func Columns(name string) []Column {
	p := pipeNamed(name)
	columns := make([]Column, len(p.columns))
	for i, column := range p.columns {
		columns[i] = Column{column.Name, p.describe(column.Name)}
	}
	return columns
}

// describe says of a column what its name does not, where pipes differ under the name of the pipe and the column.
func (p *pipe) describe(column string) string {
	if description, ok := columnDescriptions[p.name+"."+column]; ok {
		return description
	}
	return columnDescriptions[column]
}

var columnDescriptions = map[string]string{
	"prediction_count":                           "predictions, with or without an actual; actual_count has those with one",
	"model_performance_metrics.prediction_count": "predictions that have an actual: no others count in this pipe",
	"recent_count":                               "predictions of the recent window, with or without an actual",
	"model_drift_detection.recent_count":         "predictions of the recent window that have an actual",
	"recent_mae":                                 "mean of |predicted - actual| of the recent window",
	"historical_mae":                             "mean of |predicted - actual| of the historical window",
	"drift_percentage":                           "(recent_mae - historical_mae) / historical_mae, a ratio: 0.25 is 25 % worse, 1.69 is 169 %",
	"historical_count":                           "predictions of the historical window that have an actual",
	"actual_coverage":                            "actual_count / prediction_count, from 0 to 1",
	"relative_change":                            "(recent_mae - reference_mae) / reference_mae, a ratio: 0.25 is 25 % worse",
	"rmse_relative_change":                       "(recent_rmse - reference_rmse) / reference_rmse, a ratio",
	"bias_relative_change":                       "(recent_bias - reference_bias) / reference_mae, a ratio",
	"mape":                                       "in per cent",
	"wmape":                                      "in per cent",
	"smape":                                      "in per cent",
	"actual_lag_p50":                             "in seconds",
	"actual_lag_p95":                             "in seconds",
}
