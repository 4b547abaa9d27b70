package httpapi

import (
	"errors"
	"slices"
	"strings"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

const (
	tokensPath   = "/v0/tokens"
	tokensPrefix = tokensPath + "/"
)

// tokenRoute is of one token.
var tokenRoute = route{label: labelWorkspace, get: (*Server).getToken, del: (*Server).deleteToken, starting: true}

// tokenInfo is what is told of a token: all but the token itself, which nobody knows. Clients pass over one without the field.
type tokenInfo struct {
	ID     string       `json:"id"`
	Name   string       `json:"name"`
	Token  string       `json:"token"`
	Scopes []tokenScope `json:"scopes"`
	Models []string     `json:"models,omitempty"`
}

type tokenScope struct {
	Type     string `json:"type"`
	Resource string `json:"resource,omitempty"`
}

// tokenInfos are all tokens, to an admin.
func (s *Server) tokenInfos(c *call) ([]tokenInfo, error) {
	if err := c.principal.Allow(auth.Scope{Kind: auth.Admin}); err != nil {
		return nil, err
	}
	if s.opts.Tokens.Open() {
		return []tokenInfo{{ID: "admin", Name: "workspace admin token", Token: workspace.AnyToken, Scopes: []tokenScope{{Type: "ADMIN"}}}}, nil
	}
	list, err := auth.List(s.opts.Tokens.Directory())
	if err != nil {
		return nil, err
	}
	infos := make([]tokenInfo, len(list))
	for i, t := range list {
		infos[i] = tokenInfo{ID: t.Name, Name: t.Name, Scopes: s.scopesOf(c, &t), Models: t.Models}
	}
	return infos, nil
}

// scopesOf are the scopes of a token, and the rights that the project gives it.
func (s *Server) scopesOf(c *call, t *Token) []tokenScope {
	shown := []tokenScope{}
	for _, text := range t.Scopes {
		if scope, err := auth.ParseScope(text); err == nil {
			kind, name := scope.Parts()
			shown = append(shown, tokenScope{kind, name})
		}
	}
	for _, scope := range c.sources.grants[t.Name] {
		kind, name := scope.Parts()
		if granted := (tokenScope{kind, name}); !slices.Contains(shown, granted) {
			shown = append(shown, granted)
		}
	}
	return shown
}

// getTokens serves GET /v0/tokens.
func (s *Server) getTokens(c *call) error {
	infos, err := s.tokenInfos(c)
	if err != nil {
		return err
	}
	return c.sendLongJSON(map[string]any{"tokens": infos})
}

// getToken serves GET /v0/tokens/<name>.
func (s *Server) getToken(c *call) error {
	infos, err := s.tokenInfos(c)
	if err != nil {
		return err
	}
	name := tokenNamed(c)
	i := slices.IndexFunc(infos, func(t tokenInfo) bool { return t.ID == name })
	if i < 0 {
		return noToken(name)
	}
	return c.sendJSON(infos[i])
}

func tokenNamed(c *call) string { return strings.TrimPrefix(string(c.target.Path), tokensPrefix) }

func noToken(name string) error {
	return problem.NotFound("the token %s does not exist", problem.Shown(name))
}

// editsTokens checks that who asks may make and revoke tokens. The first is made on the server's machine: it closes the server to all others.
func (s *Server) editsTokens(c *call) error {
	if err := c.principal.Allow(auth.Scope{Kind: auth.Admin}); err != nil {
		return err
	}
	if s.opts.Tokens.Open() {
		return problem.Forbidden("this server asks for no tokens; the first is made on its machine, by residual token create NAME --scope ADMIN")
	}
	return nil
}

// newTokenParameters are those of a token that is made. Tinybird's clients send the last three with each, which change nothing of what it allows.
var newTokenParameters = []string{"name", "scope", modelsParameter, "description", "origin", "resource_id"}

// modelsParameter has the models that a token is bounded to, with commas between.
const modelsParameter = "models"

// newToken reads the token that is asked for.
func (s *Server) newToken(c *call) (t Token, err error) {
	if _, given, err := c.params.text("expiration_time"); given || err != nil {
		return t, problem.BadParameter("JSON Web Tokens are not made here; leave expiration_time out for a token that is valid until it is revoked")
	}
	if err := c.params.checkAll("no token was made", newTokenParameters); err != nil {
		return t, err
	}
	if t.Name, err = c.params.textOr("name", ""); err != nil {
		return t, err
	}
	for _, list := range c.params.all(modelsParameter) {
		t.Models = append(t.Models, strings.Split(list, ",")...)
	}
	t.Scopes, t.Created = c.params.all("scope"), s.opts.Now()
	return t, nil
}

// postTokens serves POST /v0/tokens?name=&scope=&scope=&models=: it makes a token, and shows it this once.
func (s *Server) postTokens(c *call) error {
	if err := s.editsTokens(c); err != nil {
		return err
	}
	if err := s.readParams(c); err != nil {
		return err
	}
	token, err := s.newToken(c)
	if err != nil {
		return err
	}
	secret, err := auth.Create(s.opts.Tokens.Directory(), token, c.sources.scopes(), len(c.sources.grants[token.Name]) > 0)
	if errors.Is(err, auth.ErrToken) {
		return tokenError(err)
	}
	if err == nil {
		err = s.opts.Tokens.Reload()
	}
	if err != nil {
		return err
	}
	s.log.Info("token created", "name", token.Name, "token", c.principal.Name, "remote", c.ctx.RemoteAddr().String())
	return c.sendJSON(tokenInfo{ID: token.Name, Name: token.Name, Token: secret, Scopes: s.scopesOf(c, &token), Models: token.Models})
}

// tokenError is what is told of an error of class auth.ErrToken.
func tokenError(err error) error {
	if errors.Is(err, auth.ErrChanging) { // its text has a path of the server
		return problem.Busy(1, "the tokens are being changed at the moment; send this request again")
	}
	return problem.BadParameter("%s", err)
}

// deleteToken serves DELETE /v0/tokens/<name>.
func (s *Server) deleteToken(c *call) error {
	if err := s.editsTokens(c); err != nil {
		return err
	}
	name := tokenNamed(c)
	err := auth.Revoke(s.opts.Tokens.Directory(), name)
	switch {
	case errors.Is(err, auth.ErrChanging):
		return tokenError(err)
	case errors.Is(err, auth.ErrToken):
		return noToken(name)
	}
	if err == nil {
		err = s.opts.Tokens.Reload()
	}
	if err != nil {
		return err
	}
	s.log.Info("token revoked", "name", name, "token", c.principal.Name, "remote", c.ctx.RemoteAddr().String())
	return c.sendJSON(map[string]any{"ok": true})
}
