package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
)

const sqlPath = "/v0/sql"

// sqlParameters are those of /v0/sql.
var sqlParameters = []Parameter{
	{"q", "String", "", "the statement"},
	{"format", "String", "", "how the answer is written, where the statement has no FORMAT"},
	{"pipeline", "String", "", "the pipe that is called _ in the statement"},
}

// runSQL answers GET and POST of /v0/sql.
func (s *Server) runSQL(c *call) error {
	if _, ok := c.store.(endpoint.Store); !ok || c.sources.set == nil {
		return problem.NotFound("there is nothing at %s", sqlPath)
	}
	statement, format, err := s.readSQL(c)
	if err != nil {
		return err
	}
	if strings.TrimSpace(statement) == "" {
		return problem.BadParameter("the parameter q is missing; it is the statement, such as SELECT count() FROM %s", predictionsName)
	}
	if rest, ok := strings.CutPrefix(strings.TrimSpace(statement), "%"); ok && strings.Contains(rest, "{{") {
		return problem.BadParameter("the parameter q has templates, which pipes alone have")
	}
	pipeline, err := c.params.textOr("pipeline", "")
	if err != nil {
		return err
	}
	if pipeline != "" {
		if err := c.principal.Allow(auth.Scope{Kind: auth.ReadPipe, Name: pipeline}); err != nil {
			return err
		}
	}
	c.params.known = sqlParameters
	c.table.Name = "sql"
	f, err := s.askSQL(c, &endpoint.Ask{Endpoint: pipeline, SQL: statement}, format)
	if err != nil {
		return err
	}
	if err := c.negotiate(f); err != nil {
		return err
	}
	return c.answer(f)
}

// askSQL asks in one of the slots for queries, and finds the format of the answer.
func (s *Server) askSQL(c *call, ask *endpoint.Ask, format string) (*encode.Format, error) {
	if !s.queries.Take(0) {
		return nil, problem.Busy(s.limits.QueriesMax, "too many queries are running; send this one again")
	}
	defer s.queries.Give()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	start := s.opts.Now()
	c.question = question{
		server: s, params: &c.params, store: c.store, sources: c.sources, table: &c.table, limits: &s.limits, streams: &s.streams,
		within: c.principal.Within, principal: &c.principal,
	}
	answer, err := c.question.askSet(ctx, ask)
	if err != nil {
		return nil, err
	}
	c.table.Elapsed = s.opts.Now().Sub(start)
	if answer.Format != "" {
		format = answer.Format
	}
	f := encode.FindSQLFormat(format)
	if f == nil {
		return nil, problem.BadParameter("the format %s is not understood: %s are", problem.Shown(format), encode.SQLFormatNames)
	}
	return f, nil
}

// readSQL reads the statement, and the format that is meant where it names none: of the parameter q, or of a body, which is the statement
// itself, a form, or an object with q.
func (s *Server) readSQL(c *call) (statement, format string, err error) {
	format = "JSON"
	if c.ctx.IsPost() {
		if format, err = s.readSQLBody(c); err != nil {
			return "", "", err
		}
	}
	if statement, err = c.params.textOr("q", ""); err != nil {
		return "", "", err
	}
	format, err = c.params.textOr("format", format)
	return statement, format, err
}

func (s *Server) readSQLBody(c *call) (format string, err error) {
	reader, closeBody, err := s.decoders.Open(c.ctx, parameterBytesMax)
	if err != nil {
		return "", err
	}
	defer closeBody()
	body, err := io.ReadAll(reader)
	if err != nil {
		return "", err
	}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
	case body[0] == '{' && json.Valid(body):
		return "TSV", c.params.addJSON(body)
	case bytes.HasPrefix(body, []byte("q=")):
		c.params.parse(body)
	default:
		if _, given, _ := c.params.text("q"); given {
			return "", problem.BadParameter("the statement is there twice: in q and in the body")
		}
		c.params.add("q", string(body))
	}
	return "JSON", nil
}

// sqlPaths describe /v0/sql in OpenAPI.
func sqlPaths() object {
	var parameters []object
	properties := object{}
	for i := range sqlParameters {
		parameters = append(parameters, sqlParameters[i].openAPI())
		properties[sqlParameters[i].Name] = sqlParameters[i].schema()
	}
	failure := object{"$ref": "#/components/responses/Error"}
	responses := object{
		"200": object{"description": "The answer, in the format that is asked for.", "content": object{
			problem.JSONType: object{"schema": object{"type": "object"}},
			"text/tab-separated-values; charset=utf-8": object{"schema": object{"type": "string"}},
		}},
		"400": failure, "403": failure, "503": failure,
	}
	form := object{"schema": object{"type": "object", "properties": properties}}
	return object{sqlPath: object{
		"get": object{"operationId": "get_sql", "summary": "Ask in SQL", "parameters": parameters, "responses": responses},
		"post": object{"operationId": "post_sql", "summary": "Ask in SQL", "responses": responses, "requestBody": object{"content": object{
			"text/plain": object{"schema": object{"type": "string"}}, "application/json": form, "application/x-www-form-urlencoded": form,
		}}},
	}}
}
