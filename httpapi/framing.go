package httpapi

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// checkFraming refuses heads that fasthttp takes but that two servers in a row might read differently: an unknown
// version, a body framed twice, folded lines, a header given twice where one counts.
func checkFraming(header *fasthttp.RequestHeader) *answerError {
	switch string(header.Protocol()) {
	case "HTTP/1.1", "HTTP/1.0":
	default:
		return badFraming("the protocol must be HTTP/1.1 or HTTP/1.0")
	}
	raw := header.RawHeaders()
	if len(raw) > headBytesMax {
		return &answerError{status: 431, section: "limits", hangUp: true, text: "the headers are longer than 8192 bytes"}
	}
	var lengths, codings, authorizations int
	for line := range bytes.Lines(raw) {
		if line[0] == ' ' || line[0] == '\t' {
			return badFraming("a header line may not be folded")
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		if bytes.IndexByte(name, ' ') >= 0 {
			return badFraming("a header name may not hold a space")
		}
		switch len(name) {
		case len("Content-Length"):
			lengths += btoi(bytes.EqualFold(name, []byte("Content-Length")))
		case len("Transfer-Encoding"):
			codings += btoi(bytes.EqualFold(name, []byte("Transfer-Encoding")))
		case len("Authorization"):
			authorizations += btoi(bytes.EqualFold(name, []byte("Authorization")))
		}
	}
	if lengths > 0 && codings > 0 {
		return badFraming("a request may not have both Content-Length and Transfer-Encoding")
	}
	if codings > 0 && header.ContentLength() != -1 {
		return badFraming("the only transfer encoding is chunked")
	}
	if authorizations > 1 {
		return badFraming("a request may not have more than one Authorization header")
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
