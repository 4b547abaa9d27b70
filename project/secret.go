package project

import (
	"regexp"
	"strings"
)

// Hidden stands where a secret is not shown.
const Hidden = "***"

// Secret is a value that is never shown: it prints as asterisks.
type Secret struct{ value string }

// Reveal returns the value, for whom it is meant.
func (s Secret) Reveal() string { return s.value }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return Hidden
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secretCall is {{ tb_secret("NAME") }}, or with a default behind the name.
var secretCall = regexp.MustCompile(`\{\{\s*tb_secret\(\s*["']([A-Za-z0-9_]+)["']\s*(?:,\s*(?:["']([^"']*)["'])\s*)?\)\s*\}\}`)

// resolve puts secrets in the places of a value where it asks for them.
func (l *loader) resolve(f *file, c *command, value string) string {
	if !strings.Contains(value, "{{") {
		return value
	}
	resolved := secretCall.ReplaceAllStringFunc(value, func(call string) string {
		groups := secretCall.FindStringSubmatchIndex(call)
		name := call[groups[2]:groups[3]]
		if secret, ok := l.secrets(name); ok {
			return secret
		}
		if groups[4] >= 0 {
			return call[groups[4]:groups[5]]
		}
		f.fail(c.valueAt, "set "+SecretVariable(name)+" in the environment, or put it in a file of that name in the folder of secrets",
			"the secret %s is not known", name)
		f.problems[len(f.problems)-1].Secret = name
		return ""
	})
	if strings.Contains(secretCall.ReplaceAllString(value, ""), "{{") {
		f.fail(c.valueAt, `write {{ tb_secret("NAME") }}`, "what stands in double braces is not understood")
	}
	return resolved
}

// SecretVariable is the variable of the environment that holds a secret.
func SecretVariable(name string) string { return "RESIDUAL_SECRET_" + name }

// value returns the value of a command with its secrets; empty if there is no such command.
func (l *loader) value(f *file, name string) string {
	c := f.find(name)
	if c == nil {
		return ""
	}
	return strings.TrimSpace(l.resolve(f, c, c.value))
}
