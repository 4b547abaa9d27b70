package event

import "github.com/residualdb/residual/internal/jsontext"

// checker walks JSON values by the strict grammar: RFC 8259, valid UTF-8, no lone surrogates, no key twice in an object,
// at most DepthMax levels. Its methods take texts that have slack, and return the index behind what they read, or the
// first fault. It keeps its memory from one value to the next.
type checker struct {
	names nameStack
	text  []byte // a copy of a text that had no slack

	// scalars are where the strings, numbers and literals that value met lie, if note is set.
	note    bool
	scalars []span
}

// value checks the value that begins at i, inside depth open containers.
func (k *checker) value(b []byte, i, depth int) (int, fault) {
	if i >= len(b) {
		return i, faultEnd
	}
	switch b[i] {
	case '{':
		return k.object(b, i, depth)
	case '[':
		return k.array(b, i, depth)
	}
	end, f := scanScalar(b, i)
	if k.note {
		k.scalars = append(k.scalars, span{start: i, end: end, col: colNone})
	}
	return end, f
}

// scanScalar checks the string, number or literal that begins at i.
func scanScalar(b []byte, i int) (int, fault) {
	switch b[i] {
	case '"':
		end, _, f := scanString(b, i+1)
		return end + 1, f
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	}
	_, end, f := scanNumber(b, i)
	return end, f
}

// object checks the object whose brace is at i.
func (k *checker) object(b []byte, i, depth int) (int, fault) {
	if depth >= DepthMax {
		return i, faultDepth
	}
	i = jsontext.SkipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, faultNone
	}
	scope := k.names.open()
	var f fault
	for more := true; more; {
		if i, more, f = k.member(b, i, depth+1, &scope); f != faultNone {
			break
		}
	}
	k.names.close(&scope)
	return i, f
}

// member checks the member at i and what separates it from the next.
func (k *checker) member(b []byte, i, depth int, scope *nameScope) (end int, more bool, f fault) {
	end, escaped, f := scanKey(b, i)
	if f != faultNone {
		return end, false, f
	}
	if !k.names.add(scope, b, i+1, end, escaped) {
		return i, false, faultDuplicate
	}
	if i, f = scanColon(b, end+1); f != faultNone {
		return i, false, f
	}
	if i, f = k.value(b, i, depth); f != faultNone {
		return i, false, f
	}
	return scanSeparator(b, i, '}')
}

// array checks the array whose bracket is at i.
func (k *checker) array(b []byte, i, depth int) (int, fault) {
	if depth >= DepthMax {
		return i, faultDepth
	}
	i = jsontext.SkipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, faultNone
	}
	for {
		var f fault
		if i, f = k.value(b, i, depth+1); f != faultNone {
			return i, f
		}
		var more bool
		if i, more, f = scanSeparator(b, i, ']'); f != faultNone || !more {
			return i, f
		}
	}
}

// scanKey reads the key whose quote is at i, and returns the index of the closing one.
func scanKey(b []byte, i int) (end int, escaped bool, f fault) {
	if i >= len(b) {
		return i, false, faultEnd
	}
	if b[i] != '"' {
		return i, false, faultToken
	}
	if end = scanPlain(b, i+1); end < len(b) && b[end] == '"' {
		return end, false, faultNone
	}
	return scanString(b, i+1)
}

// scanColon reads a colon at or behind i and the white space around it, and returns the index of the value.
func scanColon(b []byte, i int) (int, fault) {
	token, at, next := scanToken(b, i)
	if token != ':' {
		return at, endOr(b, at, faultToken)
	}
	return next, faultNone
}

// scanSeparator reads what follows a member or an element: a comma and the white space behind it, or the closing byte
// of the container.
func scanSeparator(b []byte, i int, closing byte) (end int, more bool, f fault) {
	switch token, at, next := scanToken(b, i); token {
	case ',':
		return next, true, faultNone
	case closing:
		return at + 1, false, faultNone
	default:
		return at, false, endOr(b, at, faultToken)
	}
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
