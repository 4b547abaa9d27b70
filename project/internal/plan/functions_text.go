package plan

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

func addTextFunctions(all map[string]function) {
	for name, f := range map[string]func(string) Value{
		"lower": func(s string) Value { return text(lowerASCII(s)) }, "upper": func(s string) Value { return text(upperASCII(s)) },
		"lowerutf8": func(s string) Value { return text(strings.ToLower(s)) }, "upperutf8": func(s string) Value { return text(strings.ToUpper(s)) },
		"trim": func(s string) Value { return text(strings.Trim(s, " ")) },
	} {
		all[name] = texts(1, stringType, func(v []Value) Value { return f(v[0].Text) })
	}
	all["length"] = texts(1, countType, func(v []Value) Value { return whole(int64(len(v[0].Text))) })
	all["lengthutf8"] = texts(1, countType, func(v []Value) Value { return whole(int64(utf8.RuneCountInString(v[0].Text))) })
	all["empty"] = texts(1, boolType, func(v []Value) Value { return boolOf[v[0].Text == ""] })
	all["notempty"] = texts(1, boolType, func(v []Value) Value { return boolOf[v[0].Text != ""] })
	all["startswith"] = texts(2, boolType, func(v []Value) Value { return boolOf[strings.HasPrefix(v[0].Text, v[1].Text)] })
	all["endswith"] = texts(2, boolType, func(v []Value) Value { return boolOf[strings.HasSuffix(v[0].Text, v[1].Text)] })
	all["position"] = texts(2, countType, func(v []Value) Value { return whole(int64(strings.Index(v[0].Text, v[1].Text) + 1)) })
	all["replaceall"] = texts(3, stringType, func(v []Value) Value {
		if v[1].Text == "" || len(v[0].Text)*(1+len(v[2].Text)) > textBytesMax {
			return v[0]
		}
		return text(strings.ReplaceAll(v[0].Text, v[1].Text, v[2].Text))
	})
	all["concat"] = function{least: 1, most: anyMany, make: makeConcat}
	all["tostring"] = function{least: 1, most: 1, make: makeToString}
	all["substring"] = function{least: 2, most: 3, make: makeSubstring}
	all["like"] = function{least: 2, most: 2, make: makeLike}
	all["ilike"] = function{least: 2, most: 2, make: makeLike}
	all["match"] = function{least: 2, most: 2, make: makeMatch}
	all["cast"] = function{least: 2, most: 2, make: makeCast}
	for _, width := range [...]int{8, 16, 32, 64} {
		for kind, name := range map[endpoint.Kind]string{endpoint.Int: "toint", endpoint.UInt: "touint"} {
			t := Type{Kind: kind, Bits: bitsOf(width)}
			all[name+strconv.Itoa(width)] = function{least: 1, most: 1, make: toNumber(t)}
		}
	}
	all["tofloat64"] = function{least: 1, most: 1, make: toNumber(floatType)}
	all["tobool"] = function{least: 1, most: 1, make: toNumber(Type{Kind: endpoint.UInt, Bits: 8, Bool: true})}
}

// textBytesMax bounds a text that a function makes.
const textBytesMax = 1 << 20

// texts makes a function of texts.
func texts(n int, t Type, f func(v []Value) Value) function {
	return function{least: n, most: n, make: func(e *sql.Call, args []*expr) (*expr, error) {
		for i, a := range args {
			if a.typ.Kind != endpoint.String && a.typ.Kind != endpoint.Nothing {
				return nil, wrongType(e, i, a, "a text")
			}
		}
		return strict(t, args, func(_ *env, v []Value) Value { return f(v) }), nil
	}}
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r + 'A' - 'a'
		}
		return r
	}, s)
}

func makeConcat(e *sql.Call, args []*expr) (*expr, error) {
	for i, a := range args {
		if a.typ.Kind == endpoint.Interval || a.typ.Kind == endpoint.Array {
			return nil, wrongType(e, i, a, "a value")
		}
	}
	return strict(stringType, args, func(x *env, v []Value) Value {
		var b strings.Builder
		for i := range v {
			if b.WriteString(show(v[i], args[i].typ)); b.Len() > textBytesMax {
				return x.fail(sql.Errorf(e.At, "", "a text of more than %d bytes", textBytesMax))
			}
		}
		return text(b.String())
	}), nil
}

func makeToString(e *sql.Call, args []*expr) (*expr, error) {
	t := args[0].typ
	if t.Kind == endpoint.Interval || t.Kind == endpoint.Array {
		return nil, wrongType(e, 0, args[0], "a value")
	}
	return strict(stringType, args, func(_ *env, v []Value) Value { return text(show(v[0], t)) }), nil
}

// makeSubstring makes substring(s, from, length), which counts bytes from 1.
func makeSubstring(e *sql.Call, args []*expr) (*expr, error) {
	if args[0].typ.Kind != endpoint.String {
		return nil, wrongType(e, 0, args[0], "a text")
	}
	for i, a := range args[1:] {
		if !isInt(a.typ) {
			return nil, wrongType(e, i+1, a, "a whole number")
		}
	}
	return strict(stringType, args, func(_ *env, v []Value) Value {
		size := int64(len(v[0].Text))
		from := v[1].Whole
		if from == 0 || from > size {
			return text("")
		}
		if from < 0 {
			from = max(from, -2*textBytesMax) + size + 1 // which may be before the text
		}
		to := size + 1
		if len(v) == 3 && v[2].Whole < 0 {
			to += max(v[2].Whole, -2*textBytesMax)
		} else if len(v) == 3 {
			to = min(from+min(v[2].Whole, textBytesMax), to)
		}
		if from = max(from, 1); to <= from {
			return text("")
		}
		return text(v[0].Text[from-1 : to-1])
	}), nil
}

// makeLike makes LIKE and ILIKE with a constant pattern.
func makeLike(e *sql.Call, args []*expr) (*expr, error) {
	if args[1].literal == nil || args[1].typ.Kind != endpoint.String {
		return nil, sql.Errorf(e.Args[1].Pos(), "", "the pattern of %s must be a text", strings.ToUpper(e.Name))
	}
	var b strings.Builder
	b.WriteString("(?s)")
	if strings.EqualFold(e.Name, "ilike") {
		b.WriteString("(?i)")
	}
	b.WriteByte('^')
	pattern := args[1].literal.Text
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteByte('.')
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			size := 1
			if c >= utf8.RuneSelf {
				_, size = utf8.DecodeRuneInString(pattern[i:])
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+size]))
			i += size - 1
		}
	}
	b.WriteByte('$')
	return matching(e, args, b.String())
}

// makeMatch makes match(s, pattern) with a constant pattern.
func makeMatch(e *sql.Call, args []*expr) (*expr, error) {
	if args[1].literal == nil || args[1].typ.Kind != endpoint.String {
		return nil, sql.Errorf(e.Args[1].Pos(), "", "the pattern of match must be a text")
	}
	return matching(e, args, args[1].literal.Text)
}

func matching(e *sql.Call, args []*expr, pattern string) (*expr, error) {
	if args[0].typ.Kind != endpoint.String {
		return nil, wrongType(e, 0, args[0], "a text")
	}
	r, err := regexp.Compile(pattern)
	if err != nil {
		return nil, sql.Errorf(e.Args[1].Pos(), "", "the pattern is none: %v", err)
	}
	return strict(boolType, args[:1], func(_ *env, v []Value) Value { return boolOf[r.MatchString(v[0].Text)] }), nil
}

// toNumber makes a number of one, of a text or of a time.
func toNumber(t Type) func(*sql.Call, []*expr) (*expr, error) {
	return func(e *sql.Call, args []*expr) (*expr, error) {
		from := args[0].typ
		if from.Kind == endpoint.Interval || from.Kind == endpoint.Array {
			return nil, wrongType(e, 0, args[0], "a number")
		}
		return strict(t, args, func(x *env, v []Value) Value {
			switch {
			case from.Kind == endpoint.String:
				n, ok := parseNumber(v[0].Text, t)
				if !ok {
					return x.fail(sql.Errorf(e.At, "", "%s is no %s", sql.Shown(v[0].Text), t))
				}
				return n
			case from.Kind == endpoint.Date && t.Kind != endpoint.Float:
				return whole(v[0].Whole / dayMillis)
			case isTime(from):
				if v[0].Whole /= secondMillis; t.Kind == endpoint.Float {
					return number(float64(v[0].Whole))
				}
			}
			n, ok := toWidth(v[0], from, t)
			if !ok {
				return x.fail(sql.Errorf(e.At, "", "%v is not within %s", v[0].Number, t))
			}
			return n
		}), nil
	}
}

// toWidth makes a number one of another type: a fraction is cut off, and so are the bits of a whole number that find no room. A number with a
// fraction that is not within the type is none of it: what others make of it depends on the machine.
func toWidth(v Value, from, to Type) (n Value, ok bool) {
	switch {
	case to.Kind == endpoint.Float:
		return number(float(v, from)), true
	case to.Bool:
		return boolOf[truth(v, from)], true
	case from.Kind != endpoint.Float:
		return cutTo(to, v.Whole), true
	}
	f := math.Trunc(v.Number)
	if to.Kind == endpoint.UInt {
		return whole(int64(uint64(max(f, 0)))), f >= 0 && f < math.Ldexp(1, int(to.Bits))
	}
	least := -math.Ldexp(1, int(to.Bits)-1)
	return whole(int64(f)), f >= least && f < -least
}

// cutTo is a whole number as one of a type, without the bits that find no room.
func cutTo(t Type, n int64) Value {
	shift := 64 - uint(t.Bits)
	if t.Kind == endpoint.UInt {
		return whole(int64(uint64(n) << shift >> shift))
	}
	return whole(n << shift >> shift)
}

func parseNumber(s string, t Type) (Value, bool) {
	switch t.Kind {
	case endpoint.Float:
		f, err := strconv.ParseFloat(s, 64)
		return number(f), err == nil && !strings.ContainsAny(s, "_xXpP") // forms of Go
	case endpoint.Int:
		n, err := strconv.ParseInt(s, 10, int(t.Bits))
		return whole(n), err == nil
	default:
	}
	n, err := strconv.ParseUint(s, 10, int(t.Bits))
	return whole(int64(n)), err == nil
}

// makeCast makes CAST(x AS type).
func makeCast(e *sql.Call, args []*expr) (*expr, error) {
	l := args[1].literal
	if l == nil || l.Kind != sql.Text {
		return nil, sql.Errorf(e.At, "", "the type of a CAST is a name")
	}
	name := l.Text
	if inner, ok := strings.CutPrefix(name, "Nullable("); ok {
		x, err := makeCast(e, []*expr{args[0], {literal: &sql.Literal{At: l.At, Kind: sql.Text, Text: strings.TrimSuffix(inner, ")")}}})
		if err == nil {
			x.typ.Nullable = true
		}
		return x, err
	}
	name, _, _ = strings.Cut(name, "(")
	f, ok := functions["to"+strings.ToLower(name)]
	if !ok || f.make == nil {
		return nil, sql.Errorf(l.At, "", "the type %s is not understood", sql.Shown(l.Text))
	}
	return f.make(&sql.Call{At: e.At, Name: "to" + name, Args: e.Args[:1]}, args[:1])
}
