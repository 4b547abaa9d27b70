package event

import "unicode/utf8"

// checkName checks a model_id, prediction_id, model_version or environment. The text is valid UTF-8.
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

// scanName reads the name whose quote is at i, if every byte of it stands for itself. It returns the name as
// [shortWords] and the index behind the closing quote, or false for any other value, sound or not. It does not branch
// on the length of a name below shortName. Equivalent: scanString and checkName.
func scanName(b []byte, i int) (lo, hi uint64, end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return 0, 0, i, false
	}
	start := i + 1
	lo, hi = load(b, start), load(b, start+8)
	loStops, hiStops := nameStops(lo), nameStops(hi)
	n := firstLane(loStops)
	inHi := n >> 3 // 1 if the name goes on in hi
	n += firstLane(hiStops) & -inHi
	end = start + n
	if n < shortName {
		lo, hi = lo&laneMask(loStops), hi&laneMask(hiStops)&-uint64(inHi)
		return lo, hi, end + 1, n > 0 && end < len(b) && b[end] == '"'
	}
	for ; end < len(b); end += 8 {
		if marks := nameStops(load(b, end)); marks != 0 {
			end += firstLane(marks)
			return lo, hi, end + 1, end < len(b) && b[end] == '"' && end-start <= NameBytesMax
		}
	}
	return 0, 0, i, false
}

// readName reads any value as a name.
func (d *Decoder) readName(b []byte, i int, c column) (int, fault) {
	text, end, f := d.readText(b, i, faultWantString)
	if f != faultNone {
		return end, f
	}
	d.row.setName(c, text)
	return end, checkName(text)
}

// setName sets column c to a name, which has slack.
func (r *row) setName(c column, text []byte) {
	w := &r.words[c]
	w.lo, w.hi = shortWords(text)
	r.text[c] = text
}

// checkNameString is checkName for a text that may be no valid UTF-8.
func checkNameString(s string) fault {
	if !utf8.ValidString(s) {
		return faultNameUTF8
	}
	return checkName([]byte(s))
}
