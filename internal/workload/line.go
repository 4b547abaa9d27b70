package workload

import "slices"

// lineMax bounds one line, so that a buffer grows once per line at most. The longest features take about 300 bytes.
const lineMax = 1024

// AppendNDJSON appends the next row to dst as one NDJSON line with its newline, and returns true, or returns dst and false at
// the end. It allocates only to grow dst. Keys and white space are those of the usual json.dumps: a space after each colon and
// comma.
func (g *Generator) AppendNDJSON(dst []byte) ([]byte, bool) {
	if !g.advance() {
		return dst, false
	}
	r := &g.row
	dst = slices.Grow(dst, lineMax)
	dst = append(dst, `{"timestamp": "`...)
	dst = g.appendTime(dst, r)
	dst = append(dst, `", "model_id": "`...)
	dst = appendModel(dst, r)
	dst = append(dst, `", "prediction_id": "`...)
	dst = g.appendID(dst, r)
	dst = append(dst, `", "features": "`...)
	dst = g.appendFeatures(dst, r, `\"`)
	dst = append(dst, `", "predicted_value": `...)
	dst = appendHundredths(dst, r.predicted)
	dst = append(dst, `, "actual_value": `...)
	if r.waiting {
		dst = append(dst, "null"...)
	} else {
		dst = appendHundredths(dst, r.actual)
	}
	dst = append(dst, `, "model_version": "`...)
	dst = appendVersion(dst, r)
	dst = append(dst, `", "environment": "`...)
	dst = append(dst, g.opts.Environments[r.environment]...)
	return append(dst, "\"}\n"...), true
}

func appendModel(dst []byte, r *row) []byte {
	return appendUint(append(dst, "model_"...), uint64(r.model+1))
}

// appendVersion writes the version as vMODEL.VERSION.
func appendVersion(dst []byte, r *row) []byte {
	dst = appendUint(append(dst, 'v'), uint64(r.model+1))
	return appendUint(append(dst, '.'), uint64(r.version+1))
}

func (g *Generator) appendID(dst []byte, r *row) []byte {
	if g.opts.Shape == UUID {
		return appendUUID(dst, r.bits, r.more)
	}
	return appendUint(append(dst, "pred_"...), uint64(r.number+1))
}

// appendHundredths writes v/100 with two decimals.
func appendHundredths(dst []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		dst, u = append(dst, '-'), -u
	}
	dst = appendUint(dst, u/100)
	tail := u % 100 * 2
	return append(dst, '.', pairs[tail], pairs[tail+1])
}

// appendUint writes v in decimal, two digits a step. Equivalent: strconv.AppendUint.
func appendUint(dst []byte, v uint64) []byte {
	if v < 10 {
		return append(dst, '0'+byte(v))
	}
	var digits [20]byte
	i := len(digits)
	for v >= 100 {
		tail := v % 100 * 2
		v /= 100
		i -= 2
		digits[i], digits[i+1] = pairs[tail], pairs[tail+1]
	}
	i -= 2
	digits[i], digits[i+1] = pairs[v*2], pairs[v*2+1]
	if v < 10 {
		i++
	}
	return append(dst, digits[i:]...)
}

// appendUUID writes 128 bits as a version 4 UUID.
func appendUUID(dst []byte, hi, lo uint64) []byte {
	const hex = "0123456789abcdef"
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			dst = append(dst, '-')
		}
		word := hi
		if i >= 16 {
			word = lo
		}
		dst = append(dst, hex[word>>(60-i%16*4)&15])
	}
	return dst
}

const pairs = "" +
	"00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" + "40414243444546474849" +
	"50515253545556575859" + "60616263646566676869" + "70717273747576777879" + "80818283848586878889" + "90919293949596979899"
