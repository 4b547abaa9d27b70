package workspace

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

// TokensPath is where tokens are listed and made; the path of one begins with TokensPrefix.
const (
	TokensPath   = "/v0/tokens"
	TokensPrefix = TokensPath + "/"
)

// Tokens are the routes of tokens.
type Tokens struct {
	tokens *auth.Tokens
	now    func() time.Time
	log    *telemetry.Log
}

// NewTokens returns the routes of tokens.
func NewTokens(of *auth.Tokens, now func() time.Time, log *telemetry.Log) *Tokens {
	return &Tokens{of, now, log}
}

// Rights are what there is to have rights to.
type Rights interface {
	// Scopes are all scopes that a token may have.
	Scopes() []string
	// Granted are the rights that the project gives to the token of a name.
	Granted(token string) []auth.Scope
}

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

// infos are all tokens, to an admin.
func (t *Tokens) infos(c *exchange.Exchange, of Rights) ([]tokenInfo, error) {
	if err := c.Principal.Allow(auth.Scope{Kind: auth.Admin}); err != nil {
		return nil, err
	}
	if t.tokens.Open() {
		return []tokenInfo{{ID: "admin", Name: "workspace admin token", Token: AnyToken, Scopes: []tokenScope{{Type: "ADMIN"}}}}, nil
	}
	list, err := t.tokens.Place().List()
	if err != nil {
		return nil, err
	}
	infos := make([]tokenInfo, len(list))
	for i := range list {
		infos[i] = tokenInfo{ID: list[i].Name, Name: list[i].Name, Scopes: scopesOf(of, &list[i]), Models: list[i].Models}
	}
	return infos, nil
}

// scopesOf are the scopes of a token, and the rights that the project gives it.
func scopesOf(of Rights, token *auth.Token) []tokenScope {
	shown := []tokenScope{}
	for _, text := range token.Scopes {
		if scope, err := auth.ParseScope(text); err == nil {
			kind, name := scope.Parts()
			shown = append(shown, tokenScope{kind, name})
		}
	}
	for _, scope := range of.Granted(token.Name) {
		kind, name := scope.Parts()
		if granted := (tokenScope{kind, name}); !slices.Contains(shown, granted) {
			shown = append(shown, granted)
		}
	}
	return shown
}

// List serves GET /v0/tokens.
func (t *Tokens) List(c *exchange.Exchange, of Rights) error {
	infos, err := t.infos(c, of)
	if err != nil {
		return err
	}
	return c.SendLongJSON(map[string]any{"tokens": infos})
}

// Get serves GET /v0/tokens/<name>.
func (t *Tokens) Get(c *exchange.Exchange, of Rights) error {
	infos, err := t.infos(c, of)
	if err != nil {
		return err
	}
	name := tokenNamed(c)
	i := slices.IndexFunc(infos, func(one tokenInfo) bool { return one.ID == name })
	if i < 0 {
		return noToken(name)
	}
	return c.SendJSON(infos[i])
}

func tokenNamed(c *exchange.Exchange) string {
	return strings.TrimPrefix(string(c.Target.Path), TokensPrefix)
}

func noToken(name string) error {
	return problem.NotFound("the token %s does not exist", problem.Shown(name))
}

// edits checks that who asks may make and revoke tokens. The first is made on the server's machine: it closes the server to all others.
func (t *Tokens) edits(c *exchange.Exchange) error {
	if err := c.Principal.Allow(auth.Scope{Kind: auth.Admin}); err != nil {
		return err
	}
	if t.tokens.Open() {
		return problem.Forbidden("this server asks for no tokens; the first is made on its machine, by residual token create NAME --scope ADMIN")
	}
	return nil
}

// newTokenParameters are those of a token that is made. Tinybird's clients send the last three with each, which change nothing of what it allows.
var newTokenParameters = []string{"name", "scope", ModelsParameter, "description", "origin", "resource_id"}

// ModelsParameter has the models that a token is bounded to, with commas between.
const ModelsParameter = "models"

// wanted reads the token that is asked for.
func (t *Tokens) wanted(c *exchange.Exchange) (token auth.Token, err error) {
	if _, given, err := c.Params.Text("expiration_time"); given || err != nil {
		return token, problem.BadParameter("JSON Web Tokens are not made here; leave expiration_time out for a token that is valid until it is revoked")
	}
	if err := c.Params.CheckAll("no token was made", newTokenParameters); err != nil {
		return token, err
	}
	if token.Name, err = c.Params.TextOr("name", ""); err != nil {
		return token, err
	}
	for _, list := range c.Params.All(ModelsParameter) {
		token.Models = append(token.Models, strings.Split(list, ",")...)
	}
	token.Scopes, token.Created = c.Params.All("scope"), t.now()
	return token, nil
}

// Create serves POST /v0/tokens?name=&scope=&scope=&models=: it makes a token, and shows it this once.
func (t *Tokens) Create(c *exchange.Exchange, of Rights) error {
	if err := t.edits(c); err != nil {
		return err
	}
	if err := c.ReadParams(); err != nil {
		return err
	}
	token, err := t.wanted(c)
	if err != nil {
		return err
	}
	secret, err := t.tokens.Place().Create(token, of.Scopes(), len(of.Granted(token.Name)) > 0)
	if errors.Is(err, auth.ErrToken) {
		return tokenError(err)
	}
	if err != nil {
		return err
	}
	if err := t.tokens.Reload(); err != nil { // which is done again; the token is shown this once
		t.log.Warn("tokens could not be read again, the known ones stay", "error", err)
	}
	t.log.Info("token created", "name", token.Name, "token", c.Principal.Name, "remote", c.Ctx.RemoteAddr().String())
	return c.SendJSON(tokenInfo{ID: token.Name, Name: token.Name, Token: secret, Scopes: scopesOf(of, &token), Models: token.Models})
}

// tokenError is what is told of an error of class auth.ErrToken.
func tokenError(err error) error {
	if errors.Is(err, auth.ErrChanging) { // its text has a path of the server
		return problem.Busy(1, "the tokens are being changed at the moment; send this request again")
	}
	return problem.BadParameter("%s", err)
}

// Revoke serves DELETE /v0/tokens/<name>.
func (t *Tokens) Revoke(c *exchange.Exchange, _ Rights) error {
	if err := t.edits(c); err != nil {
		return err
	}
	name := tokenNamed(c)
	err := t.tokens.Place().Revoke(name)
	switch {
	case errors.Is(err, auth.ErrChanging):
		return tokenError(err)
	case errors.Is(err, auth.ErrToken):
		return noToken(name)
	}
	if err == nil {
		err = t.tokens.Reload()
	}
	if err != nil {
		return err
	}
	t.log.Info("token revoked", "name", name, "token", c.Principal.Name, "remote", c.Ctx.RemoteAddr().String())
	return c.SendJSON(map[string]any{"ok": true})
}
