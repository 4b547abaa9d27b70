package pipes

import (
	"bytes"
	"net/url"
	"sync"

	"github.com/residualdb/residual/httpapi/internal/params"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/spelling"
)

// refused are parameters that Tinybird's clients know and that change what an answer is: to ignore them would answer
// something else, and a client that asks for pages would never see the last one.
var refused = map[string]string{
	"q":         "SQL over the answer of a pipe is not supported",
	"page":      "an answer has no pages, it has all rows at once",
	"page_size": "an answer has no pages, it has all rows at once",
}

// CheckRefused refuses a parameter that must not be ignored.
func CheckRefused(p *params.List) error {
	for i := range p.Given {
		if why, ok := refused[string(p.Given[i].Name)]; ok && !p.Lists(string(p.Given[i].Name)) {
			return problem.BadParameter("the parameter %s is refused: %s", p.Given[i].Name, why)
		}
	}
	return nil
}

// Unknown parameters are ignored, because clients add their own. One that looks like a parameter of a pipe was most
// likely meant to be it: the header X-Ignored-Parameters names those, so that nobody takes an answer for another.

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
	for i := range builtIns {
		for j := range builtIns[i].Parameters {
			known[builtIns[i].Parameters[j].Name] = true
		}
	}
	for _, name := range requestParameters {
		known[name] = true
	}
	return known
})

// Ignored returns the names of the parameters that look misspelt, as a header may have them.
func Ignored(p *params.List) (names []string) {
	known := knownParameters()
	looked := 0
	conditions := p.Lists(featureParameter)
	for i := range p.Given {
		name := p.Given[i].Name
		if conditions && bytes.HasPrefix(name, []byte(featurePrefix)) || known[string(name)] || len(name) > ignoredBytesMax {
			continue
		}
		if looked++; looked > ignoredMax {
			break
		}
		if bytes.HasPrefix(name, []byte("feature")) {
			names = append(names, url.QueryEscape(string(name)))
			continue
		}
		for parameter := range known {
			if spelling.LooksLike(string(name), parameter) {
				names = append(names, url.QueryEscape(string(name)))
				break
			}
		}
	}
	return names
}
