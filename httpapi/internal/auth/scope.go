package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Kind is what a scope allows.
type Kind uint8

// What a scope allows: everything, to deploy projects, to append to a data source, to read its quarantine, to delete from it, to ask a pipe.
const (
	Admin Kind = iota
	Deploy
	AppendSource
	ReadSource
	DeleteSource
	ReadPipe
	kindCount
)

var scopePrefixes = [kindCount]string{"ADMIN", "WORKSPACE:DEPLOY", "DATASOURCES:APPEND:", "DATASOURCES:READ:", "DATASOURCES:DELETE:", "PIPES:READ:"}

// Scope is one right: a kind, and for all but ADMIN and WORKSPACE:DEPLOY the data source or pipe it is limited to.
type Scope struct {
	Kind Kind
	Name string
}

func (s Scope) String() string { return scopePrefixes[s.Kind] + s.Name }

// Parts are the kind of a scope as Tinybird writes it, and what it is limited to, empty for ADMIN and WORKSPACE:DEPLOY.
func (s Scope) Parts() (kind, name string) {
	return strings.TrimSuffix(scopePrefixes[s.Kind], ":"), s.Name
}

// ParseScope is the inverse of String.
func ParseScope(text string) (Scope, error) { return parseScope(text) }

// parseScope reads the text that tokens.json and the command line hold.
func parseScope(text string) (Scope, error) {
	for _, kind := range [...]Kind{Admin, Deploy} {
		if text == scopePrefixes[kind] {
			return Scope{Kind: kind}, nil
		}
	}
	for kind := AppendSource; kind < kindCount; kind++ {
		if name, ok := strings.CutPrefix(text, scopePrefixes[kind]); ok && PlainName(name) {
			return Scope{Kind: kind, Name: name}, nil
		}
	}
	return Scope{}, fmt.Errorf("the scope %s is unknown; ADMIN, WORKSPACE:DEPLOY, DATASOURCES:APPEND:<name>, DATASOURCES:READ:<name>, DATASOURCES:DELETE:<name> and PIPES:READ:<name> are allowed", problem.Shown(text))
}

// missing returns an error for each scope of a data source or pipe that no store has.
func missing(scopes []Scope, existing []string) (errs []error) {
	for _, s := range scopes {
		if s.Kind <= Deploy || slices.Contains(existing, s.String()) {
			continue
		}
		var names []string
		for _, text := range existing {
			if name, ok := strings.CutPrefix(text, scopePrefixes[s.Kind]); ok {
				names = append(names, name)
			}
		}
		errs = append(errs, fmt.Errorf("the scope %s is of something that does not exist; %s<name> is for %s",
			problem.Shown(s.String()), scopePrefixes[s.Kind], strings.Join(names, ", ")))
	}
	return errs
}

// covers reports whether s gives the right that is asked for.
func (s Scope) covers(asked Scope) bool { return s.Kind == Admin || s == asked }

// PlainName reports whether a name can be one of a token, a data source or a pipe.
func PlainName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}
