package event

// checker walks JSON values by the strict grammar: RFC 8259, valid UTF-8, no
// lone surrogates, no key twice in an object, at most DepthMax levels. Its
// methods return the index behind what they read, or the first fault. The
// memory of the names is kept from one value to the next.
type checker struct {
	names nameStack
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
	scope := k.names.open()
	defer k.names.close(scope)
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, faultNone
	}
	for {
		key, escaped, end, f := scanKey(b, i)
		if f != faultNone {
			return end, f
		}
		if !k.names.add(&scope, key, escaped) {
			return i, faultDuplicate
		}
		if i, f = k.value(b, end, depth+1); f != faultNone {
			return i, f
		}
		more := false
		if i, more, f = scanSeparator(b, i, '}'); f != faultNone || !more {
			return i, f
		}
	}
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

// features checks a features text: one JSON value of at most FeaturesBytesMax
// bytes, white space around it included.
func (k *checker) features(text []byte) fault {
	if len(text) > FeaturesBytesMax {
		return faultFeaturesLong
	}
	end, f := k.value(text, skipSpace(text, 0), 0)
	if f != faultNone {
		return f.ofFeatures()
	}
	if skipSpace(text, end) != len(text) {
		return faultFeaturesJSON
	}
	return faultNone
}

// scanKey reads the key at i, its colon and the white space around it. It
// returns the key's text as written and the index of the value.
func scanKey(b []byte, i int) (key []byte, escaped bool, end int, f fault) {
	if i >= len(b) {
		return nil, false, i, faultEnd
	}
	if b[i] != '"' {
		return nil, false, i, faultToken
	}
	end, escaped, f = scanString(b, i+1)
	if f != faultNone {
		return nil, false, end, f
	}
	key = b[i+1 : end]
	i = skipSpace(b, end+1)
	if i >= len(b) {
		return nil, false, i, faultEnd
	}
	if b[i] != ':' {
		return nil, false, i, faultToken
	}
	return key, escaped, skipSpace(b, i+1), faultNone
}

// scanSeparator reads what follows a member or an element: a comma and the white
// space behind it, or the closing byte of the container.
func scanSeparator(b []byte, i int, closing byte) (end int, more bool, f fault) {
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
		return i, false, faultEnd
	case b[i] == closing:
		return i + 1, false, faultNone
	case b[i] == ',':
		return skipSpace(b, i+1), true, faultNone
	}
	return i, false, faultToken
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

// compact appends a JSON value that passed the checker without the white space
// between its tokens; every other byte is untouched.
func compact(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case isSpace(c):
			i++
		case c == '"':
			end, _, _ := scanString(src, i+1)
			dst = append(dst, src[i:end+1]...)
			i = end + 1
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
