package httpapi

import (
	"encoding/json"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// The catalog lists what a token may use, in the shape of Tinybird's lists.

type columnInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type sourceInfo struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Columns []columnInfo `json:"columns"`
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
	for i := range sources {
		src := &sources[i]
		if src.in(c.store) && c.principal.Holds(auth.Scope{Kind: auth.AppendSource, Name: src.name}, auth.Scope{Kind: auth.ReadSource, Name: src.name}) {
			list = append(list, sourceInfo{ID: src.name, Name: src.name, Columns: columnInfos(src.columns)})
		}
	}
	return c.sendJSON(map[string]any{"datasources": list})
}

// getPipes serves GET /v0/pipes.
func (s *Server) getPipes(c *call) error {
	list := []pipeInfo{}
	for i := range pipes {
		if p := &pipes[i]; p.openTo(&c.principal, c.store) {
			list = append(list, pipeInfo{
				ID: p.name, Name: p.name, Description: p.description, Type: "endpoint", Endpoint: p.name + "_node",
				Formats: p.formatNames(),
			})
		}
	}
	return c.sendJSON(map[string]any{"pipes": list})
}

func columnInfos(columns []encode.Column) []columnInfo {
	infos := make([]columnInfo, len(columns))
	for i, column := range columns {
		infos[i] = columnInfo{column.Name, column.Kind.String()}
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
