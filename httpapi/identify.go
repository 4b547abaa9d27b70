package httpapi

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
)

// Tokens is the tokens of a place as a server knows them. It follows the file of a data directory: a change counts within a second.
type Tokens = auth.Tokens

// TokenPlace is where tokens are kept: it lists, revokes and loads them.
type TokenPlace = auth.Place

// SharedTokens is a text in which servers that share their tokens keep them.
type SharedTokens = auth.Shared

// Token is what is kept of a token: all but the token itself.
type Token = auth.Token

// ErrToken is returned for a token command that cannot be carried out as given.
var ErrToken = auth.ErrToken

// TokensIn is the place of the tokens of a data directory.
func TokensIn(dir string) TokenPlace { return auth.In(dir) }

// TokensAt is the place of tokens that servers share.
func TokensAt(of SharedTokens) TokenPlace { return auth.At(of) }

// CreateToken adds a token of this name, with these scopes and models, to a place and returns it. It is shown nowhere else.
func CreateToken(at TokenPlace, token Token) (string, error) {
	return CreateProjectToken(at, token, nil, nil)
}

// CreateProjectToken is CreateToken for a server that is given a project by [Server.SetProject]: scopes may be of its data sources and
// pipes too, and a token that these give rights to needs no scope. The error of a project that a server cannot have is of class
// [ErrDatasource] or [ErrPipe].
func CreateProjectToken(at TokenPlace, token Token, list []Datasource, set endpoint.Set) (string, error) {
	all, err := newSources(list, nil)
	if err == nil {
		err = all.deploy(set)
	}
	if err != nil {
		return "", fmt.Errorf("httpapi: %w", err)
	}
	return at.Create(token, all.Scopes(), len(all.grants[token.Name]) > 0)
}

// Scopes returns every scope that a token of any server may have.
func Scopes() []string {
	all, err := newSources(nil, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return all.Scopes()
}

// TokenWarnings says what is odd about the tokens: scopes of what does not exist, which count for nothing; rights that data sources
// and pipes give to tokens that do not exist; an admin file that every user of the machine may read.
func (s *Server) TokenWarnings() []string {
	all := s.sources.Load()
	warnings := s.opts.Tokens.Warnings(all.Scopes())
	for _, name := range slices.Sorted(maps.Keys(all.grants)) {
		if !s.opts.Tokens.Has(name) {
			giver, kind := all.grants[name][0], "data source"
			if giver.Kind == auth.ReadPipe {
				kind = "pipe"
			}
			warnings = append(warnings, fmt.Sprintf("the %s %s gives rights to the token %s, which does not exist; residual token create makes it",
				kind, giver.Name, name))
		}
	}
	return warnings
}

// identify finds out who sends a request. Without tokens it is anybody, with every right.
func (s *Server) identify(c *call) error {
	tokens := s.opts.Tokens
	if err := tokens.Follow(s.opts.Now()); err != nil {
		s.log.Warn("tokens could not be read again, the known ones stay", "error", err)
	}
	if tokens.Open() {
		c.Principal = auth.Anybody()
		return nil
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	c.Principal, err = tokens.Identify(token)
	c.Principal.Granted = c.sources.grants[c.Principal.Name]
	return err
}

// token returns what the request presents, from the header or else from its query string.
func (c *call) token() ([]byte, error) {
	if header := c.Ctx.Request.Header.Peek(fasthttp.HeaderAuthorization); len(header) > 0 {
		scheme, token, _ := bytes.Cut(header, []byte(" "))
		if !bytes.EqualFold(scheme, []byte("Bearer")) {
			return nil, problem.Forbidden("the Authorization header must be of the form Bearer <token>")
		}
		return bytes.TrimSpace(token), nil
	}
	token, _, err := c.Params.Text("token")
	return token, err
}

// checkQuota counts a request against its token, or against its address if it has none that is known, and tells the client
// how much of the quota is left.
func (s *Server) checkQuota(c *call) error {
	if s.quota.Rate == 0 || c.Ctx.UserValue(admitted{}) != nil {
		return nil
	}
	caller := admission.Caller{Token: c.Principal.Name}
	if peer := conn.Of(c.Ctx); peer != nil && caller.Token == "" {
		caller.Address = peer.Address()
	}
	rate := strconv.Itoa(s.quota.Rate)
	ok, left, reset := s.quota.Take(caller, s.opts.Now())
	if !ok {
		return problem.TooMany(s.quota.Rate, "too many requests: "+rate+" a second are allowed")
	}
	header := &c.Ctx.Response.Header
	header.Set("X-RateLimit-Limit", rate)
	header.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	header.Set("X-RateLimit-Reset", strconv.Itoa(int((reset+time.Second-1)/time.Second)))
	return nil
}
