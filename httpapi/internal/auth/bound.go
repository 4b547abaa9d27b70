package auth

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

// modelBytesMax is how long the name of a model may be.
const modelBytesMax = 256

// boundOf returns the pattern of the models that a token is bounded to, empty for every one: its list is of names, and of
// prefixes with a star behind them. A comma is the pattern's own, so that names with one are within reach of a prefix alone.
func boundOf(models []string, scopes []Scope) (string, error) {
	if len(models) == 0 {
		return "", nil
	}
	if i := slices.IndexFunc(scopes, func(s Scope) bool { return s.Kind <= Deploy }); i >= 0 {
		return "", fmt.Errorf("the scope %s is over everything and cannot be bounded to models; give the token the scopes that it needs", scopes[i])
	}
	for _, item := range models {
		if why := itemFault(item); why != "" {
			return "", fmt.Errorf("the models %s %s", problem.Shown(item), why)
		}
	}
	return strings.Join(models, ","), nil
}

// itemFault says what is wrong with an item of the list.
func itemFault(item string) string {
	name, star := strings.CutSuffix(item, "*")
	switch {
	case name == "" && star:
		return "are all there are; a token without models is bounded to none"
	case name == "":
		return "have no name"
	case strings.Contains(name, "*"):
		return "have a star before their end; only a prefix has one, behind it"
	case strings.Contains(name, ","):
		return "have a comma, which stands between names; a model with a comma in its name is in reach of a prefix before it"
	case strings.TrimSpace(item) != item:
		return "begin or end with white space; a model whose name does is in reach of a prefix alone"
	case len(name) > modelBytesMax || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "are no name of a model: that is up to 256 bytes of UTF-8 without control characters"
	}
	return ""
}
