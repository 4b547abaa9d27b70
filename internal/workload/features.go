package workload

// appendFeatures writes the features as JSON text in which each quote is written as quote: escaped on a line, plain in
// an event.
func (g *Generator) appendFeatures(dst []byte, r *row, quote string) []byte {
	if g.opts.Shape == UUID {
		return appendFreeForm(dst, r, quote)
	}
	for i, key := range [...]string{"feature1", "feature2", "feature3"} {
		dst = append(dst, "{,,"[i])
		dst = append(dst, quote...)
		dst = append(dst, key...)
		dst = append(dst, quote...)
		dst = append(dst, ':')
		dst = appendUint(dst, r.bits>>(20*i)&0xfffff*100>>20)
	}
	return append(dst, '}')
}

// words and places are what free-form features speak of; none of them needs escaping in JSON.
var (
	words = [...]string{
		"garden", "lift", "sea view", "south", "cellar", "renovated", "corner", "quiet street", "parking", "loft",
		"balcony", "fireplace", "two baths", "new roof", "terrace", "old town",
	}
	places = [...]string{"Berlin", "Málaga", "São Paulo", "Kraków", "東京", "Tromsø", "Lyon", "Athens"}
)

// appendFreeForm writes one of many layouts: keys come and go, values nest and are numbers, text and lists.
func appendFreeForm(dst []byte, r *row, quote string) []byte {
	// The id takes bits and more as they are; the features must not repeat it.
	random := (r.bits ^ 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	draw := func(n uint64) uint64 {
		random ^= random >> 27
		random *= 0x94d049bb133111eb
		return random >> 32 * n >> 32
	}
	key := func(separator byte, name string) {
		dst = append(dst, separator)
		dst = append(dst, quote...)
		dst = append(dst, name...)
		dst = append(dst, quote...)
		dst = append(dst, ':')
	}
	text := func(s string) {
		dst = append(dst, quote...)
		dst = append(dst, s...)
		dst = append(dst, quote...)
	}

	key('{', "area_m2")
	dst = appendHundredths(dst, int64(2000+draw(30_000)))
	key(',', "place")
	text(places[draw(uint64(len(places)))])
	if draw(3) > 0 {
		key(',', "geo")
		key('{', "lat")
		dst = appendHundredths(dst, int64(draw(18_000))-9_000)
		key(',', "lon")
		dst = appendHundredths(dst, int64(draw(36_000))-18_000)
		dst = append(dst, '}')
	}
	if draw(2) > 0 {
		key(',', "tags")
		dst = append(dst, '[')
		for i := range 1 + draw(4) {
			if i > 0 {
				dst = append(dst, ',')
			}
			text(words[draw(uint64(len(words)))])
		}
		dst = append(dst, ']')
	}
	if draw(4) == 0 {
		key(',', "user")
		dst = append(dst, quote...)
		dst = append(dst, "u_"...)
		dst = appendUint(dst, draw(1_000_000))
		dst = append(dst, quote...)
	}
	key(',', "new")
	if draw(2) == 0 {
		return append(dst, "true}"...)
	}
	return append(dst, "false}"...)
}
