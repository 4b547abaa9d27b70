package httpapi

import (
	"net/url"
	"strings"
	"sync"
)

// Unknown parameters are ignored, because clients add their own. One that looks like a parameter of a pipe was most
// likely meant to be it: the header X-Ignored-Parameters names those, so that nobody takes an answer for another.

const ignoredHeader = "X-Ignored-Parameters"

// ignoredMax bounds the unknown parameters of a request that are looked at, ignoredBytesMax their names.
const (
	ignoredMax      = 32
	ignoredBytesMax = 48
)

// requestParameters are those that every route may have, from clients of Tinybird too.
var requestParameters = [...]string{"token", "from", "format", "cli_version", "tag", "debug", "explain"}

// knownParameters returns the names of all parameters of all pipes, and those of requests.
var knownParameters = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for i := range pipes {
		for j := range pipes[i].parameters {
			known[pipes[i].parameters[j].Name] = true
		}
	}
	for _, name := range requestParameters {
		known[name] = true
	}
	return known
})

// nameIgnored says in the answer's header which parameters look misspelt.
func (c *call) nameIgnored() {
	known := knownParameters()
	var names []string
	looked := 0
	for i := range c.params.list {
		name := c.params.list[i].name
		if known[string(name)] || len(name) > ignoredBytesMax {
			continue
		}
		if looked++; looked > ignoredMax {
			break
		}
		for parameter := range known {
			if LooksLike(string(name), parameter) {
				names = append(names, url.QueryEscape(string(name)))
				break
			}
		}
	}
	if len(names) > 0 {
		c.ctx.Response.Header.Set(ignoredHeader, strings.Join(names, ", "))
	}
}

// LooksLike tells whether somebody who wrote name may have meant the parameter: it is the same but for case and
// separators or for a slip of the keys, it is some of the words of the parameter or the beginning of them, or it begins
// with all of them.
func LooksLike(name, parameter string) bool {
	const shortest = 3 // what is shorter looks like anything
	name, parameter = spelled(name), spelled(parameter)
	switch {
	case name == parameter:
		return true
	case len(name) < shortest || len(parameter) < shortest:
		return false
	case strings.HasPrefix(parameter, name), strings.HasPrefix(name, parameter+"_"):
		return true
	case strings.Contains("_"+parameter+"_", "_"+name+"_"):
		return true
	}
	slips := 1
	if len(parameter) >= 8 {
		slips = 2
	}
	return distance(name, parameter) <= slips
}

// spelled is a name in small letters with underscores between its words: modelId and Model-ID are model_id.
func spelled(name string) string {
	var b strings.Builder
	small := false
	for _, r := range name {
		switch {
		case r == '-' || r == '.' || r == ' ':
			r = '_'
		case r >= 'A' && r <= 'Z':
			if small {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
			small = false
			b.WriteRune(r)
			continue
		}
		small = r >= 'a' && r <= 'z'
		b.WriteRune(r)
	}
	return b.String()
}

// distance counts the letters to put in, to leave out, to change or to swap with their neighbour that make b of a
// (Damerau and Levenshtein, no letter twice).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
