package event

// checker walks JSON values by the strict grammar: RFC 8259, valid UTF-8, no
// lone surrogates, no key twice in an object, at most DepthMax levels. Its
// methods take texts that have slack, and return the index behind what they read,
// or the first fault. The memory of the names is kept from one value to the next.
type checker struct {
	names nameStack
	text  []byte
}

// value checks the value that begins at i, inside depth open containers.
func (k *checker) value(b []byte, i, depth int) (int, fault) {
	if i >= len(b) {
		return i, faultEnd
	}
	switch c := b[i]; c {
	case '"':
		end, _, f := scanString(b, i+1)
		return end + 1, f
	case '{':
		return k.object(b, i, depth)
	case '[':
		return k.array(b, i, depth)
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	default:
		return scanNumber(b, i)
	}
}

// object checks the object whose brace is at i.
func (k *checker) object(b []byte, i, depth int) (int, fault) {
	if depth >= DepthMax {
		return i, faultDepth
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, faultNone
	}
	scope := k.names.open()
	for more := true; more; {
		end, escaped, value, f := scanKey(b, i)
		if f == faultNone && !k.names.add(&scope, b, i+1, end, escaped) {
			f = faultDuplicate
		}
		if f == faultNone {
			i, f = k.value(b, value, depth+1)
		}
		if f == faultNone {
			i, more, f = scanSeparator(b, i, '}')
		}
		if f != faultNone {
			k.names.close(&scope)
			return i, f
		}
	}
	k.names.close(&scope)
	return i, faultNone
}

// array checks the array whose bracket is at i.
func (k *checker) array(b []byte, i, depth int) (int, fault) {
	if depth >= DepthMax {
		return i, faultDepth
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, faultNone
	}
	for {
		var f fault
		if i, f = k.value(b, i, depth+1); f != faultNone {
			return i, f
		}
		more := false
		if i, more, f = scanSeparator(b, i, ']'); f != faultNone || !more {
			return i, f
		}
	}
}

// scanKey reads the key whose quote is at i, its colon and the white space around
// it. It returns the indexes of the closing quote and of the value.
func scanKey(b []byte, i int) (end int, escaped bool, value int, f fault) {
	if i >= len(b) {
		return i, false, i, faultEnd
	}
	if b[i] != '"' {
		return i, false, i, faultToken
	}
	end = scanPlain(b, i+1)
	if end+1 >= len(b) || b[end] != '"' {
		if end, escaped, f = scanString(b, i+1); f != faultNone {
			return end, escaped, end, f
		}
	}
	colon, value := scanToken(b, end+1)
	if colon >= len(b) {
		return end, escaped, colon, faultEnd
	}
	if b[colon] != ':' {
		return end, escaped, colon, faultToken
	}
	return end, escaped, value, faultNone
}

// scanSeparator reads what follows a member or an element: a comma and the white
// space behind it, or the closing byte of the container.
func scanSeparator(b []byte, i int, closing byte) (end int, more bool, f fault) {
	at, next := scanToken(b, i)
	switch {
	case at >= len(b):
		return at, false, faultEnd
	case b[at] == ',':
		return next, true, faultNone
	case b[at] == closing:
		return at + 1, false, faultNone
	}
	return at, false, faultToken
}

// literal checks that b holds word at i.
func literal(b []byte, i int, word string) (int, fault) {
	for j := range len(word) {
		if i+j >= len(b) {
			return i + j, faultEnd
		}
		if b[i+j] != word[j] {
			return i + j, faultToken
		}
	}
	return i + len(word), faultNone
}
