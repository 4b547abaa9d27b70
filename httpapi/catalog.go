package httpapi

import (
	"encoding/json"

	"github.com/valyala/fasthttp"
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
		if src.in(c.store) && c.holds(scope{appendSource, src.name}, scope{readSource, src.name}) {
			list = append(list, sourceInfo{ID: src.name, Name: src.name, Columns: columnInfos(src.columns)})
		}
	}
	return c.sendJSON(map[string]any{"datasources": list})
}

// getPipes serves GET /v0/pipes.
func (s *Server) getPipes(c *call) error {
	list := []pipeInfo{}
	for i := range pipes {
		if p := &pipes[i]; c.mayAsk(p) {
			list = append(list, pipeInfo{
				ID: p.name, Name: p.name, Description: p.description, Type: "endpoint", Endpoint: p.name + "_node",
				Formats: p.formatNames(),
			})
		}
	}
	return c.sendJSON(map[string]any{"pipes": list})
}

// mayAsk reports whether the store has the pipe and the token may ask it.
func (c *call) mayAsk(p *pipe) bool { return p.in(c.store) && c.holds(p.rights()...) }

func columnInfos(columns []column) []columnInfo {
	infos := make([]columnInfo, len(columns))
	for i, column := range columns {
		infos[i] = columnInfo{column.name, column.kind.String()}
	}
	return infos
}

func (p *pipe) formatNames() []string {
	var names []string
	for i := range formats {
		if p.speaks(&formats[i]) {
			names = append(names, formats[i].extension)
		}
	}
	return names
}

func (c *call) sendJSON(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.ctx.SetStatusCode(fasthttp.StatusOK)
	c.ctx.SetContentType(jsonType)
	c.ctx.SetBody(append(body, '\n'))
	return nil
}
