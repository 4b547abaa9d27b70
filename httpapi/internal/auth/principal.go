package auth

import (
	"slices"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Principal is who asks, and what they may see and do. The zero Principal is nobody, who may do nothing.
type Principal struct {
	// Name is that of the token, empty where nobody is asked for one.
	Name string
	// Within is a pattern of the models that all rights are bounded to, as a query of the engine has it; empty for every
	// model. Any other model is as if it did not exist.
	Within string
	// Granted are rights beside the scopes of the token. They are bounded as those.
	Granted []Scope
	scopes  []Scope
}

// Anybody is who asks a server without tokens.
func Anybody() Principal { return Principal{scopes: []Scope{{Kind: Admin}}} }

// Holds reports whether the principal has one of the rights.
func (p *Principal) Holds(anyOf ...Scope) bool {
	covers := func(held Scope) bool { return slices.ContainsFunc(anyOf, held.covers) }
	return slices.ContainsFunc(p.scopes, covers) || slices.ContainsFunc(p.Granted, covers)
}

// AppendRights appends a text of the rights, which is the same for the same rights in the same order.
func (p *Principal) AppendRights(dst []byte) []byte {
	for _, list := range [...][]Scope{p.scopes, p.Granted} {
		for _, s := range list {
			dst = append(append(dst, s.String()...), '\n')
		}
	}
	return dst
}

// Allow returns the error of a principal without any of the rights.
func (p *Principal) Allow(anyOf ...Scope) error {
	if p.Holds(anyOf...) {
		return nil
	}
	return problem.Forbidden("the token %s does not have the scope %s", problem.Shown(p.Name), anyOf[0])
}
