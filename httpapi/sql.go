package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
)

// runSQL answers GET and POST of /v0/sql.
func (s *Server) runSQL(c *call) error {
	if _, ok := c.store.(endpoint.Store); !ok || c.sources.set.Project == nil {
		return problem.NotFound("there is nothing at %s", pipes.SQLPath)
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
	pipeline, err := c.Params.TextOr("pipeline", "")
	if err != nil {
		return err
	}
	if pipeline != "" {
		if err := c.Principal.Allow(auth.Scope{Kind: auth.ReadPipe, Name: pipeline}); err != nil {
			return err
		}
	}
	c.Params.Known = pipes.SQLParameters
	c.Table.Name = "sql"
	f, err := s.askSQL(c, &endpoint.Ask{Endpoint: pipeline, SQL: statement}, format)
	if err != nil {
		return err
	}
	if err := c.Negotiate(f); err != nil {
		return err
	}
	return c.Answer(f)
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
	c.question = s.questionOf(c)
	answer, err := c.question.AskSet(ctx, ask)
	if err != nil {
		return nil, err
	}
	c.Table.Elapsed = s.opts.Now().Sub(start)
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
	if c.Ctx.IsPost() {
		if format, err = s.readSQLBody(c); err != nil {
			return "", "", err
		}
	}
	if statement, err = c.Params.TextOr("q", ""); err != nil {
		return "", "", err
	}
	format, err = c.Params.TextOr("format", format)
	return statement, format, err
}

func (s *Server) readSQLBody(c *call) (format string, err error) {
	reader, closeBody, err := c.OpenBody(exchange.ParameterBytesMax)
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
		return "TSV", c.Params.AddJSON(body)
	case bytes.HasPrefix(body, []byte("q=")):
		c.Params.Parse(body)
	default:
		if _, given, _ := c.Params.Text("q"); given {
			return "", problem.BadParameter("the statement is there twice: in q and in the body")
		}
		c.Params.Add("q", string(body))
	}
	return "JSON", nil
}
