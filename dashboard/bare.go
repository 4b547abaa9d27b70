package dashboard

import (
	"bytes"
	"regexp"
)

// types are the types of a module within a line.
var types = regexp.MustCompile(`/\*\* .*? \*/ ?`)

// room is where spaces of a style sheet mean nothing.
var room = regexp.MustCompile(`\s*([{};,])\s*|(:) `)

// bareSheet returns a style sheet without comments and without room. No text in it may have a brace, a semicolon, a comma, or a colon before a space.
func bareSheet(source []byte) []byte { return room.ReplaceAll(bare(source), []byte("$1$2")) }

// bare returns a module or a style sheet without what is for those who read the source: lines that are a comment as a whole, types, indentation and
// empty lines. It goes by lines and knows no syntax, so no text of a module may go over a line's end or have a comment in it, which a test holds.
func bare(source []byte) []byte {
	out := make([]byte, 0, len(source))
	within := false // a comment of several lines
	for line := range bytes.Lines(source) {
		line = bytes.TrimSpace(line)
		switch {
		case within:
			within = !bytes.HasSuffix(line, []byte("*/"))
		case len(line) == 0 || bytes.HasPrefix(line, []byte("//")):
		case bytes.HasPrefix(line, []byte("/*")) && !bytes.Contains(line, []byte("*/")):
			within = true
		case bytes.HasPrefix(line, []byte("/*")) && bytes.Index(line, []byte("*/")) == len(line)-2:
		default:
			out = append(append(out, types.ReplaceAll(line, nil)...), '\n')
		}
	}
	return out
}
