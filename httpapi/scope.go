package httpapi

import (
	"fmt"
	"slices"
	"strings"
)

// scopeKind is what a scope allows.
type scopeKind uint8

const (
	admin scopeKind = iota
	appendSource
	readSource
	readPipe
	scopeKindCount
)

var scopePrefixes = [scopeKindCount]string{"ADMIN", "DATASOURCES:APPEND:", "DATASOURCES:READ:", "PIPES:READ:"}

// scope is one right: a kind, and for all but ADMIN the data source or pipe it is limited to.
type scope struct {
	kind scopeKind
	name string
}

func (s scope) String() string { return scopePrefixes[s.kind] + s.name }

// parseScope reads the text that tokens.json and the command line hold.
func parseScope(text string) (scope, error) {
	if text == scopePrefixes[admin] {
		return scope{}, nil
	}
	for kind := appendSource; kind < scopeKindCount; kind++ {
		if name, ok := strings.CutPrefix(text, scopePrefixes[kind]); ok && plainName(name) {
			return scope{kind: kind, name: name}, nil
		}
	}
	return scope{}, fmt.Errorf("the scope %s is unknown; ADMIN, DATASOURCES:APPEND:<name>, DATASOURCES:READ:<name> and PIPES:READ:<name> are allowed", shown(text))
}

// exists returns an error for a scope of a data source or pipe that no store has. Tokens that were given one are kept: a later version
// may know it.
func (s scope) exists() error {
	if s.kind == admin || slices.Contains(Scopes(), s.String()) {
		return nil
	}
	var names []string
	for _, text := range Scopes() {
		if name, ok := strings.CutPrefix(text, scopePrefixes[s.kind]); ok {
			names = append(names, name)
		}
	}
	return fmt.Errorf("the scope %s is of something that does not exist; %s<name> is for %s",
		shown(s.String()), scopePrefixes[s.kind], strings.Join(names, ", "))
}

// Scopes returns every scope that a token may have.
func Scopes() []string {
	list := []string{scopePrefixes[admin]}
	for i := range sources {
		list = append(list, scope{appendSource, sources[i].name}.String(), scope{readSource, sources[i].name}.String())
	}
	for i := range pipes {
		list = append(list, scope{readPipe, pipes[i].name}.String())
	}
	return list
}

// covers reports whether s gives the right that is asked for.
func (s scope) covers(asked scope) bool { return s.kind == admin || s == asked }

// plainName reports whether a name can be one of a token, a data source or a pipe.
func plainName(name string) bool {
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
