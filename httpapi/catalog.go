package httpapi

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
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
	Columns     []columnInfo `json:"columns"`
}

type pipeInfo struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Type        string   `json:"type"`
	Endpoint    string   `json:"endpoint"`
	Formats     []string `json:"formats"`
}

// getDatasources serves GET /v0/datasources.
func (s *Server) getDatasources(c *call) error {
	list := []sourceInfo{}
	for _, src := range c.sources.list {
		if src.inStore(c.store) && c.principal.Holds(src.rights()...) {
			list = append(list, src.info())
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
	return c.sendJSON(src.info())
}

// rights are the scopes of which one is needed to be told about the data source.
func (src *source) rights() []auth.Scope {
	return []auth.Scope{{Kind: auth.AppendSource, Name: src.name}, {Kind: auth.ReadSource, Name: src.name}}
}

func (src *source) info() sourceInfo {
	info := sourceInfo{ID: src.name, Name: src.name, Description: src.description}
	if src.mapping != nil {
		info.Columns = src.mappedColumns()
	} else {
		info.Columns = columnInfos(src.columns)
	}
	return info
}

// getPipes serves GET /v0/pipes.
func (s *Server) getPipes(c *call) error {
	list := []pipeInfo{}
	for p := range c.sources.pipes() {
		if p.openTo(&c.principal, c.store) {
			list = append(list, pipeInfo{
				ID: p.name, Name: p.name, Description: p.description, Type: "endpoint", Endpoint: p.name + "_node",
				Formats: p.formatNames(),
			})
		}
	}
	return c.sendLongJSON(map[string]any{"pipes": list})
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
