package httpapi

import (
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// sourceToAppendTo finds the data source in the path, and checks that the token may append to it.
func (c *call) sourceToAppendTo() (*source, error) {
	name, _ := cutSource(string(c.Target.Path))
	src, err := c.source(name)
	if err != nil {
		return nil, err
	}
	return src, c.Principal.Allow(auth.Scope{Kind: auth.AppendSource, Name: src.name})
}

// checkAppend refuses what postAppend does without the body.
func (s *Server) checkAppend(c *call) error {
	_, err := c.sourceToAppendTo()
	return err
}

// postAppend serves POST /v1/datasources/<name>/append: a file, or events, as the body. The answer is a job, which is over. Clients send the
// same request again when its connection breaks, and no key with it: so it has one of its own.
func (s *Server) postAppend(c *call) error {
	src, err := c.sourceToAppendTo()
	if err != nil {
		return err
	}
	done, err := s.appendFile(c, src, true)
	if err != nil {
		return err
	}
	if err := c.SendJSON(s.jobs.Imported(&c.Exchange, src.name, done.Successful, done.Quarantined)); err != nil {
		return err
	}
	c.Ctx.SetStatusCode(fasthttp.StatusAccepted)
	return nil
}

// postReplace serves POST /v1/datasources/<name>/replace.
func (s *Server) postReplace(c *call) error {
	src, err := c.sourceToAppendTo()
	if err != nil {
		return err
	}
	return problem.BadParameter("the rows of %s are not replaced as a whole, because nobody could be told which of them stand in between: "+
		"append rows again, which replaces each that is there, or delete before", src.name)
}
