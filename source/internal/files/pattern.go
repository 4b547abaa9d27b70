package files

import (
	"regexp"
	"strings"
)

// pattern says which names are meant.
type pattern struct {
	// prefix is what all of them begin with.
	prefix string
	// deep is set where ** lets names have any number of folders; otherwise they have as many as the pattern.
	deep    bool
	slashes int
	match   *regexp.Regexp
}

// newPattern reads a pattern: * stands for any characters but /, ** for any, and **/ for any folders, or none. All else stands for itself.
func newPattern(text string) *pattern {
	p := &pattern{prefix: text, slashes: strings.Count(text, "/")}
	if i := strings.IndexByte(text, '*'); i >= 0 {
		p.prefix = text[:i]
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for text != "" {
		switch {
		case strings.HasPrefix(text, "**/"):
			b.WriteString(`(?:.*/)?`)
			text, p.deep = text[3:], true
		case strings.HasPrefix(text, "**"):
			b.WriteString(`.*`)
			text, p.deep = text[2:], true
		case text[0] == '*':
			b.WriteString(`[^/]*`)
			text = text[1:]
		default:
			n := strings.IndexByte(text, '*')
			if n < 0 {
				n = len(text)
			}
			b.WriteString(regexp.QuoteMeta(text[:n]))
			text = text[n:]
		}
	}
	b.WriteString(`\z`)
	p.match = regexp.MustCompile(b.String())
	return p
}

// matches tells whether a name is meant. The name of a folder is not.
func (p *pattern) matches(name string) bool {
	return strings.HasPrefix(name, p.prefix) && !strings.HasSuffix(name, "/") && p.match.MatchString(name)
}

// below tells whether names below a folder, whose name ends with a slash, may be meant.
func (p *pattern) below(folder string) bool {
	n := min(len(folder), len(p.prefix))
	return folder[:n] == p.prefix[:n] && (p.deep || strings.Count(folder, "/") <= p.slashes)
}

// folder is the deepest one that has all names that are meant, with a slash at its end.
func (p *pattern) folder() string { return p.prefix[:strings.LastIndexByte(p.prefix, '/')+1] }
