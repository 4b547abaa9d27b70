package event

import "unicode/utf8"

// checkName checks a model_id, prediction_id, model_version or environment. The
// text is valid UTF-8.
func checkName(s []byte) fault {
	if len(s) == 0 {
		return faultNameEmpty
	}
	if len(s) > NameBytesMax {
		return faultNameLong
	}
	for i, c := range s {
		// U+0080 to U+009F are C2 80 to C2 9F; C2 is never a second byte.
		if c < 0x20 || c == 0x7F || c == 0xC2 && s[i+1] < 0xA0 {
			return faultNameControl
		}
	}
	return faultNone
}

// scanName reads the name whose quote is at i, if every byte of it stands for
// itself. It returns the index behind the closing quote, or false for any other
// value, sound or not. Equivalent: scanString and checkName.
func scanName(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	start := i + 1
	for i = start; i < len(b); i += 8 {
		if marks := nameStops(load(b, i)); marks != 0 {
			i += firstLane(marks)
			return i + 1, i < len(b) && b[i] == '"' && i > start && i-start <= NameBytesMax
		}
	}
	return i, false
}

// checkNameString is checkName for a text that may be no valid UTF-8.
func checkNameString(s string) fault {
	if !utf8.ValidString(s) {
		return faultNameUTF8
	}
	return checkName([]byte(s))
}
