package event

// scanNumber checks the JSON number at i and returns the index behind it.
// Anything that looks like a number and is none (+1, 01, .5, 0x10, 1.e5, NaN,
// Infinity) is faultNumber; what begins no value at all is faultToken.
func scanNumber(b []byte, i int) (int, fault) {
	start := i
	if b[i] == '-' {
		i++
	}
	digits := skipDigits(b, i)
	switch {
	case digits == i:
		return i, notNumber(b, start)
	case b[i] == '0':
		digits = i + 1
	}
	i = digits
	if i < len(b) && b[i] == '.' {
		digits = skipDigits(b, i+1)
		if digits == i+1 {
			return digits, endOr(b, digits, faultNumber)
		}
		i = digits
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		digits = skipDigits(b, i)
		if digits == i {
			return digits, endOr(b, digits, faultNumber)
		}
		i = digits
	}
	if i < len(b) && !endsNumber(b[i]) {
		return i, faultNumber
	}
	return i, faultNone
}

// endsNumber tells whether c may stand right behind a number.
func endsNumber(c byte) bool { return c == ',' || c == '}' || c == ']' || isSpace(c) }

// notNumber returns the fault of a value that begins at i with neither a digit
// nor anything else that begins a value.
func notNumber(b []byte, i int) fault {
	switch b[i] {
	case '-':
		return endOr(b, i+1, faultNumber)
	case '+', '.', 'N', 'I':
		return faultNumber
	}
	return faultToken
}

// endOr returns faultEnd if i is the end of b, and f otherwise.
func endOr(b []byte, i int, f fault) fault {
	if i >= len(b) {
		return faultEnd
	}
	return f
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
