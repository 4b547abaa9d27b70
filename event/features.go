package event

import "slices"

// readFeatures reads a string that holds a JSON text, which is kept as it
// stands, or an object, which is kept without white space.
func (d *Decoder) readFeatures(b []byte, i int) (int, fault) {
	if i < len(b) && b[i] == '{' {
		return d.readFeaturesObject(b, i)
	}
	text, end, f := d.readText(b, i, faultWantFeatures)
	if f != faultNone {
		return end, f
	}
	d.row.text[colFeatures] = text
	return end, d.check.features(text)
}

func (d *Decoder) readFeaturesObject(b []byte, i int) (int, fault) {
	end, f := d.check.object(b, i, 1)
	if f != faultNone {
		return end, f
	}
	mark := len(d.scratch)
	d.scratch = compact(d.scratch, b[i:end])
	d.row.text[colFeatures] = d.scratch[mark:]
	if len(d.scratch)-mark > FeaturesBytesMax {
		return end, faultFeaturesLong
	}
	return end, faultNone
}

// features checks a features text, which has slack: one JSON value of at most
// FeaturesBytesMax bytes, white space around it included.
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

// featuresString is features for a string.
func (k *checker) featuresString(text string) fault {
	if len(text) > FeaturesBytesMax {
		return faultFeaturesLong
	}
	k.text = slices.Grow(k.text[:0], len(text)+slack)
	k.text = append(k.text, text...)
	return k.features(k.text)
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
