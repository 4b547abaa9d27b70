package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Place is where tokens are kept: the data directory of a server, or a text that servers share.
type Place struct{ place }

// place is one of both. edit replaces all tokens by edited ones, durably, and as a whole; of two edits at once the other one begins anew, or
// fails with ErrChanging.
type place interface {
	list() ([]Token, error)
	edit(edit func([]Token) ([]Token, error)) error
}

// In is the place of a data directory.
func In(dir string) Place { return Place{directory(dir)} }

// At is the place of tokens that servers share.
func At(of Shared) Place { return Place{shared{of}} }

// Create adds a token and returns it. It is shown nowhere else: the place gets its SHA-256. Its scopes must be of those that exist; it needs one unless it is granted rights otherwise.
func (p Place) Create(token Token, existing []string, granted bool) (string, error) {
	if !PlainName(token.Name) {
		return "", fmt.Errorf("%w: the name %s must be 1 to 128 letters, digits, dots, dashes and underscores", ErrToken, problem.Shown(token.Name))
	}
	if len(token.Scopes) == 0 && !granted {
		return "", fmt.Errorf("%w: at least one scope is needed", ErrToken)
	}
	scopes, err := token.scopes()
	if err == nil {
		err = errors.Join(missing(scopes, existing)...)
	}
	if err == nil {
		_, err = boundOf(token.Models, scopes)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	var secret [32]byte
	// rand.Read never fails.
	_, _ = rand.Read(secret[:])
	text := "p." + base64.RawURLEncoding.EncodeToString(secret[:])
	sum := sha256.Sum256([]byte(text))
	err = p.edit(func(tokens []Token) ([]Token, error) {
		if slices.ContainsFunc(tokens, func(t Token) bool { return t.Name == token.Name }) {
			return nil, fmt.Errorf("%w: one named %s exists; revoke it first", ErrToken, token.Name)
		}
		if len(tokens) >= tokensMax {
			return nil, fmt.Errorf("%w: there are %d already, which is the most", ErrToken, tokensMax)
		}
		token.SHA256, token.Created = hex.EncodeToString(sum[:]), token.Created.UTC().Truncate(time.Second)
		return append(tokens, token), nil
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// Revoke removes a token. Running servers notice within seconds.
func (p Place) Revoke(name string) error {
	return p.edit(func(tokens []Token) ([]Token, error) {
		kept := slices.DeleteFunc(slices.Clone(tokens), func(t Token) bool { return t.Name == name })
		if len(kept) == len(tokens) {
			return nil, fmt.Errorf("%w: there is none named %s", ErrToken, problem.Shown(name))
		}
		return kept, nil
	})
}

// List returns the tokens in the order of their creation. A data directory must exist.
func (p Place) List() ([]Token, error) {
	tokens, err := p.list()
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}
