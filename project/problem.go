package project

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is something wrong with a file.
type Problem struct {
	// File is the file's name in the project.
	File string
	// Line and Column are the place, from 1; Column counts characters. Line is 0 where the problem is the file as a whole.
	Line, Column int
	// Text says what is wrong, Advice what to do about it; Advice may be empty.
	Text, Advice string
	// Warning is set for what does not keep the project from being used.
	Warning bool
	// Secret is the name of the secret that is not known, empty for other problems.
	Secret string
	// source is the text of the file, for the lines that are shown.
	source []string
}

// String returns the problem as people read it: place and text, the lines around the place with a caret below it, the advice.
func (p *Problem) String() string {
	var b strings.Builder
	kind := "error"
	if p.Warning {
		kind = "warning"
	}
	if p.Line == 0 {
		fmt.Fprintf(&b, "%s: %s: %s\n", p.File, kind, p.Text)
	} else {
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s\n", p.File, p.Line, p.Column, kind, p.Text)
		for n := max(p.Line-1, 1); n <= min(p.Line+1, len(p.source)); n++ {
			line := strings.ReplaceAll(p.source[n-1], "\t", " ")
			if strings.HasSuffix(p.File, ConnectionKind) {
				line = withoutSecret(line)
			}
			fmt.Fprintf(&b, "  %4d | %s\n", n, line)
			if n == p.Line {
				fmt.Fprintf(&b, "       | %s^\n", strings.Repeat(" ", p.Column-1))
			}
		}
	}
	if p.Advice != "" {
		fmt.Fprintf(&b, "  %s\n", p.Advice)
	}
	return b.String()
}

// open are the commands of a connection whose values are no secrets, as long as no user and password stand in them.
var open = []string{
	"TYPE", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM", "KAFKA_SCHEMA_REGISTRY_URL", "S3_REGION", "S3_ARN", "S3_ENDPOINT",
}

// withoutSecret returns a line of a connection as it may be shown: what may be a secret, misspelt commands with it, is not.
func withoutSecret(line string) string {
	trimmed := strings.TrimLeft(line, " ")
	word, value, _ := strings.Cut(trimmed, " ")
	value = strings.TrimSpace(value)
	switch {
	case trimmed == "" || value == ">" || value == "" && len(trimmed) == len(line):
		return line
	case slices.Contains(open, strings.ToUpper(word)) && !strings.Contains(value, "@"):
		return line
	case secretCall.MatchString(value) && secretCall.ReplaceAllString(value, "") == "" && !strings.Contains(value, ","): // that has no default
		return line
	case len(trimmed) < len(line): // of a block
		return line[:len(line)-len(trimmed)] + Hidden
	}
	return strings.TrimSuffix(strings.TrimRight(line, " "), value) + Hidden
}

// Problems are all that is wrong with a project, in the order of files and places.
type Problems []Problem

// String returns all of them as people read them.
func (ps Problems) String() string {
	var b strings.Builder
	for i := range ps {
		b.WriteString(ps[i].String())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Errors returns how many are no warnings.
func (ps Problems) Errors() (n int) {
	for i := range ps {
		if !ps[i].Warning {
			n++
		}
	}
	return n
}

// sort puts the problems in the order of files and places.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
