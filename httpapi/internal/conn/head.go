package conn

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/problem"
)

const (
	// HeadBytesMax bounds the header lines of a request.
	HeadBytesMax = 8 << 10
	// QueryBytesMax bounds what follows the question mark.
	QueryBytesMax = 8 << 10
	// PathBytesMax is the longest path answered with anything but 414.
	PathBytesMax = 1 << 10
	// ReadBufferBytes holds the longest legal head with some room, so that a query string just over its limit is still
	// read and answered with 414.
	ReadBufferBytes = HeadBytesMax + QueryBytesMax + PathBytesMax + 1<<10
)

func headersTooLong() *problem.Error {
	return problem.New(fasthttp.StatusRequestHeaderFieldsTooLarge, "limits", "the headers are longer than %d bytes", HeadBytesMax).HangingUp()
}

// CheckFraming refuses heads that fasthttp takes but that two servers in a row might read differently: an unknown
// version, a body framed twice, folded lines, a header given twice where one counts.
func CheckFraming(header *fasthttp.RequestHeader) error {
	switch string(header.Protocol()) {
	case "HTTP/1.1", "HTTP/1.0":
	default:
		return problem.Malformed("the protocol must be HTTP/1.1 or HTTP/1.0")
	}
	raw := header.RawHeaders()
	if len(raw) > HeadBytesMax {
		return headersTooLong()
	}
	var lengths, codings, authorizations int
	for line := range bytes.Lines(raw) {
		if line[0] == ' ' || line[0] == '\t' {
			return problem.Malformed("a header line may not be folded")
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		if bytes.IndexByte(name, ' ') >= 0 {
			return problem.Malformed("a header name may not hold a space")
		}
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			lengths++
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			codings++
		case bytes.EqualFold(name, []byte("Authorization")):
			authorizations++
		}
	}
	if lengths > 0 && codings > 0 {
		return problem.Malformed("a request may not have both Content-Length and Transfer-Encoding")
	}
	if codings > 0 && header.ContentLength() != -1 {
		return problem.Malformed("the only transfer encoding is chunked")
	}
	if authorizations > 1 {
		return problem.Malformed("a request may not have more than one Authorization header")
	}
	return nil
}

// Target is a request target taken apart without decoding: routes and tokens' scopes are matched on exactly these
// bytes, so no two spellings of a path mean different things to different parts of the server.
type Target struct {
	Path, Query []byte
}

// ParseTarget accepts the origin and the absolute form. The paths of this server need no escapes, empty or dot
// segments, so a path with one is refused instead of normalised.
func ParseTarget(uri []byte) (Target, error) {
	rest := uri
	if len(rest) > 0 && rest[0] != '/' {
		_, after, ok := bytes.Cut(rest, []byte("://"))
		if !ok {
			return Target{}, problem.Malformed("the request target must start with a slash")
		}
		start := bytes.IndexAny(after, "/?")
		if start < 0 || after[start] == '?' {
			return Target{}, problem.Malformed("the request target has no path")
		}
		rest = after[start:]
	}
	path, query, _ := bytes.Cut(rest, []byte("?"))
	if len(query) > QueryBytesMax || len(path) > PathBytesMax {
		return Target{}, problem.New(fasthttp.StatusRequestURITooLong, "limits",
			"the query string has %d bytes and the path %d; %d and %d are allowed, longer parameters go into a POST body",
			len(query), len(path), QueryBytesMax, PathBytesMax).HangingUp()
	}
	if !plainPath(path) {
		return Target{}, problem.Malformed("the path may hold letters, digits and -._~ between single slashes, without escapes or dot segments")
	}
	return Target{Path: path, Query: query}, nil
}

func plainPath(path []byte) bool {
	for i, c := range path {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '~', c == '.':
		case c == '/':
			if i > 0 && path[i-1] == '/' {
				return false
			}
		default:
			return false
		}
	}
	return !bytes.Contains(path, []byte("/./")) && !bytes.Contains(path, []byte("/../")) &&
		!bytes.HasSuffix(path, []byte("/.")) && !bytes.HasSuffix(path, []byte("/.."))
}
