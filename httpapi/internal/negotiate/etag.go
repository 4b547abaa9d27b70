package negotiate

import "bytes"

// Has tells whether the values of the header If-None-Match, one for each time that it is there, name an entity tag. Weak and
// strong ones of the same text are the same: it is about reading, not about changing. The star, which stands for any, names none.
func Has(values [][]byte, tag string) bool {
	tag = opaque(tag)
	for _, value := range values {
		for rest := value; ; {
			start := bytes.IndexByte(rest, '"')
			if start < 0 {
				break
			}
			length := bytes.IndexByte(rest[start+1:], '"')
			if length < 0 {
				break
			}
			end := start + 1 + length + 1
			if string(rest[start:end]) == tag {
				return true
			}
			rest = rest[end:]
		}
	}
	return false
}

// opaque is an entity tag without the mark of a weak one.
func opaque(tag string) string {
	if len(tag) > 2 && tag[:2] == "W/" {
		return tag[2:]
	}
	return tag
}
