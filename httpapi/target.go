package httpapi

import "bytes"

// target is a request target taken apart without decoding: routes and tokens' scopes are matched on exactly these
// bytes, so no two spellings of a path mean different things to different parts of the server.
type target struct {
	path, query []byte
}

// parseTarget accepts the origin and the absolute form. The paths of this server need no escapes, empty or dot
// segments, so a path with one is refused instead of normalised.
func parseTarget(uri []byte) (target, *answerError) {
	rest := uri
	if len(rest) > 0 && rest[0] != '/' {
		_, after, ok := bytes.Cut(rest, []byte("://"))
		if !ok {
			return target{}, badFraming("the request target must start with a slash")
		}
		start := bytes.IndexAny(after, "/?")
		if start < 0 || after[start] == '?' {
			return target{}, badFraming("the request target has no path")
		}
		rest = after[start:]
	}
	path, query, _ := bytes.Cut(rest, []byte("?"))
	if len(query) > queryBytesMax || len(path) > pathBytesMax {
		e := answer(414, "limits", "the query string has %d bytes and the path %d; %d and %d are allowed, longer parameters go into a POST body",
			len(query), len(path), queryBytesMax, pathBytesMax)
		e.hangUp = true
		return target{}, e
	}
	if !plainPath(path) {
		return target{}, badFraming("the path may hold letters, digits and -._~ between single slashes, without escapes or dot segments")
	}
	return target{path: path, query: query}, nil
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
