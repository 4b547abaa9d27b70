package dashboard

import "bytes"

// bare returns a module or a style sheet without what is for those who read the source: lines that are a comment as a whole, indentation and empty
// lines. It goes by lines and knows no syntax, so no text of a module may go over a line's end, which a test holds.
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
			out = append(append(out, line...), '\n')
		}
	}
	return out
}
