package jsontext

// IsSpace tells whether a byte is white space between the tokens of JSON.
func IsSpace(c byte) bool { return c <= ' ' && uint64(1)<<c&(1<<' '|1<<'\t'|1<<'\n'|1<<'\r') != 0 }

// SkipSpace returns the index of the first byte at or after i that is not white space, or len(b).
func SkipSpace(b []byte, i int) int {
	for i < len(b) && IsSpace(b[i]) {
		i++
	}
	return i
}

// SkipValue returns the index behind the value that begins at i, judged by quotes and brackets alone: what is inside is for a
// strict grammar to say. It returns false if the value does not end in b. Where no value begins, it returns i.
func SkipValue(b []byte, i int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	switch b[i] {
	case '{', '[':
	case '"':
		return SkipString(b, i)
	default:
		for i < len(b) && b[i] != ',' && b[i] != ']' && b[i] != '}' && !IsSpace(b[i]) {
			i++
		}
		return i, true
	}
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		case '"':
			end, ok := SkipString(b, i)
			if !ok {
				return i, false
			}
			i = end - 1
		}
	}
	return i, false
}

// SkipString returns the index behind the string whose quote is at i, false if it does not end in b.
func SkipString(b []byte, i int) (int, bool) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return i, false
}
