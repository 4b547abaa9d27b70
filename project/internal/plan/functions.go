package plan

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// function is a function of values. Names are in lower case: none differs from another in case alone.
type function struct {
	// least and most are how many arguments it takes.
	least, most int
	// varies is set for one whose value is another at each question.
	varies bool
	make   func(e *sql.Call, args []*expr) (*expr, error)
}

const anyMany = 1 << 20

var functions map[string]function

func init() { // a variable would depend on itself
	functions = map[string]function{
		"plus": {least: 2, most: 2, make: makeArithmetic}, "minus": {least: 2, most: 2, make: makeArithmetic}, "multiply": {least: 2, most: 2, make: makeArithmetic},
		"divide": {least: 2, most: 2, make: makeArithmetic}, "intdiv": {least: 2, most: 2, make: makeArithmetic}, "modulo": {least: 2, most: 2, make: makeArithmetic},
		"negate": {least: 1, most: 1, make: makeNegate}, "abs": {least: 1, most: 1, make: makeAbs}, "sign": {least: 1, most: 1, make: makeSign},
		"round": {least: 1, most: 2, make: makeRound}, "floor": {least: 1, most: 2, make: makeRound}, "ceil": {least: 1, most: 2, make: makeRound}, "ceiling": {least: 1, most: 2, make: makeRound}, "trunc": {least: 1, most: 2, make: makeRound},
		"pow": {least: 2, most: 2, make: makePow}, "power": {least: 2, most: 2, make: makePow},
		"equals": comparison(func(c int) bool { return c == 0 }), "notequals": comparison(func(c int) bool { return c != 0 }),
		"less": comparison(func(c int) bool { return c < 0 }), "lessorequals": comparison(func(c int) bool { return c <= 0 }),
		"greater": comparison(func(c int) bool { return c > 0 }), "greaterorequals": comparison(func(c int) bool { return c >= 0 }),
		"and": {least: 1, most: anyMany, make: makeLogic}, "or": {least: 1, most: anyMany, make: makeLogic}, "not": {least: 1, most: 1, make: makeNot},
		"in": {least: 1, most: anyMany, make: makeIn},
		"if": {least: 3, most: 3, make: makeIf}, "multiif": {least: 3, most: anyMany, make: makeIf},
		"isnull": {least: 1, most: 1, make: nullTest(true)}, "isnotnull": {least: 1, most: 1, make: nullTest(false)},
		"coalesce": {least: 1, most: anyMany, make: makeCoalesce}, "ifnull": {least: 2, most: 2, make: makeCoalesce}, "nullif": {least: 2, most: 2, make: makeNullIf},
		"assumenotnull": {least: 1, most: 1, make: makeAssumeNotNull}, "tonullable": {least: 1, most: 1, make: makeToNullable},
		"least": {least: 1, most: anyMany, make: makeExtreme}, "greatest": {least: 1, most: anyMany, make: makeExtreme},
		"isnan": floatTest(math.IsNaN), "isinfinite": floatTest(func(f float64) bool { return math.IsInf(f, 0) }),
		"isfinite":     floatTest(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }),
		"ifnotfinite":  {least: 2, most: 2, make: makeIfNotFinite},
		"pi":           {most: 0, make: func(*sql.Call, []*expr) (*expr, error) { return fixed(floatType, number(math.Pi)), nil }},
		"arrayelement": {least: 2, most: 2, make: makeArrayElement},
	}
	for name, f := range map[string]func(float64) float64{
		"sqrt": math.Sqrt, "exp": math.Exp, "log": math.Log, "ln": math.Log, "log2": math.Log2, "log10": math.Log10, "log1p": math.Log1p, "cbrt": math.Cbrt, "exp2": math.Exp2,
		"sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "tanh": math.Tanh, "erf": math.Erf,
	} {
		functions[name] = function{least: 1, most: 1, make: func(e *sql.Call, args []*expr) (*expr, error) {
			return numeric(e, args, floatType, func(v []Value) Value { return number(f(v[0].Number)) })
		}}
	}
	addTimeFunctions(functions)
	addTextFunctions(functions)
}

// fixed is a constant.
func fixed(t Type, v Value) *expr {
	return &expr{typ: t, constant: true, eval: func(*env) Value { return v }}
}

// strict makes an expression that is NULL where an argument is, and else f of the arguments. f may keep none of them.
func strict(t Type, args []*expr, f func(e *env, v []Value) Value) *expr {
	for _, a := range args {
		if a.typ.Nullable {
			t.Nullable = true
		}
	}
	return &expr{typ: t, eval: func(e *env) Value {
		var few [4]Value
		values := few[:0]
		for _, a := range args {
			v := a.eval(e)
			if v.Null {
				return null
			}
			values = append(values, v)
		}
		return f(e, values)
	}}
}

// numeric is strict with the arguments as numbers with a fraction.
func numeric(e *sql.Call, args []*expr, t Type, f func(v []Value) Value) (*expr, error) {
	for i, a := range args {
		if !isNumber(a.typ) && a.typ.Kind != endpoint.Nothing {
			return nil, wrongType(e, i, a, "a number")
		}
	}
	return strict(t, args, func(_ *env, v []Value) Value {
		for i := range v {
			v[i] = number(float(v[i], args[i].typ))
		}
		return f(v)
	}), nil
}

func wrongType(e *sql.Call, i int, a *expr, wanted string) error {
	at := e.At
	if i < len(e.Args) {
		at = e.Args[i].Pos()
	}
	return sql.Errorf(at, "", "%s takes %s here, and this is of the type %s", e.Name, wanted, a.typ)
}

// makeArithmetic makes + - * / % and intDiv of numbers, and of times with what is added to them.
func makeArithmetic(e *sql.Call, args []*expr) (*expr, error) {
	a, b := args[0], args[1]
	if isTime(a.typ) || isTime(b.typ) || a.typ.Kind == endpoint.Interval || b.typ.Kind == endpoint.Interval {
		return makeTimeArithmetic(e, args)
	}
	for i, x := range args {
		if !isNumber(x.typ) && x.typ.Kind != endpoint.Nothing {
			return nil, wrongType(e, i, x, "a number")
		}
	}
	name := strings.ToLower(e.Name)
	if a.typ.Kind == endpoint.Nothing || b.typ.Kind == endpoint.Nothing {
		return fixed(nothingType, null), nil
	}
	switch name {
	case "divide":
		return numeric(e, args, floatType, func(v []Value) Value { return number(v[0].Number / v[1].Number) })
	case "intdiv", "modulo":
		return makeDivision(e, args)
	}
	if a.typ.Kind == endpoint.Float || b.typ.Kind == endpoint.Float {
		f := map[string]func(x, y float64) float64{
			"plus": func(x, y float64) float64 { return x + y }, "minus": func(x, y float64) float64 { return x - y }, "multiply": func(x, y float64) float64 { return x * y },
		}[name]
		return numeric(e, args, floatType, func(v []Value) Value { return number(f(v[0].Number, v[1].Number)) })
	}
	f := map[string]func(x, y int64) int64{
		"plus": func(x, y int64) int64 { return x + y }, "minus": func(x, y int64) int64 { return x - y }, "multiply": func(x, y int64) int64 { return x * y },
	}[name]
	t := Type{Kind: endpoint.UInt, Bits: min(64, 2*max(a.typ.Bits, b.typ.Bits))}
	if name == "minus" || a.typ.Kind == endpoint.Int || b.typ.Kind == endpoint.Int {
		t.Kind = endpoint.Int
	}
	return strict(t, args, func(_ *env, v []Value) Value { return whole(f(v[0].Whole, v[1].Whole)) }), nil
}

// makeDivision makes intDiv and %.
func makeDivision(e *sql.Call, args []*expr) (*expr, error) {
	a, b := args[0].typ, args[1].typ
	modulo := strings.ToLower(e.Name) == "modulo"
	if a.Kind == endpoint.Float || b.Kind == endpoint.Float {
		if !modulo {
			return nil, sql.Errorf(e.At, "write floor(a / b)", "intDiv takes whole numbers")
		}
		return numeric(e, args, floatType, func(v []Value) Value { return number(math.Mod(v[0].Number, v[1].Number)) })
	}
	t := Type{Kind: endpoint.UInt, Bits: a.Bits}
	if modulo {
		if t.Bits = b.Bits; a.Kind == endpoint.Int {
			t = Type{Kind: endpoint.Int, Bits: min(64, 2*b.Bits)}
		}
	} else if a.Kind == endpoint.Int || b.Kind == endpoint.Int {
		t.Kind = endpoint.Int
	}
	unsigned, wide := a.Kind == endpoint.UInt && b.Kind == endpoint.UInt, Type{Kind: endpoint.UInt, Bits: 64}
	a.Nullable, b.Nullable = false, false
	return strict(t, args, func(x *env, v []Value) Value {
		switch n, m := v[0].Whole, v[1].Whole; {
		case m == 0:
			return x.fail(sql.Errorf(e.At, "write "+e.Name+"(a, nullIf(b, 0))", "%s divides by zero", e.Name))
		case a.Kind != b.Kind && (modulo && signLost(n, m, a, b) || !modulo && (beyondSigned(n, a, a.Bits) || beyondSigned(m, b, max(a.Bits, b.Bits)))):
			return x.fail(sql.Errorf(e.At, "write "+e.Name+"(toInt64(a), toInt64(b))", "%s of numbers of %s and %s takes one of these for another number", e.Name, a, b))
		case m == -1 && a.Kind == endpoint.Int && n == math.MinInt64>>(64-a.Bits):
			return x.fail(sql.Errorf(e.At, "", "%s of the least number by -1, which has no counterpart", e.Name))
		case modulo && (unsigned || a == wide || b == wide): // of which the other is not negative
			return whole(int64(uint64(n) % uint64(m)))
		case unsigned:
			return whole(int64(uint64(n) / uint64(m)))
		case modulo:
			return whole(n % m)
		default:
			return whole(n / m)
		}
	}), nil
}

// beyondSigned tells whether a number without a sign is none of those with a sign of a width, as which ClickHouse divides it by or through
// one with a sign.
func beyondSigned(n int64, t Type, bits uint8) bool {
	return t.Kind == endpoint.UInt && uint64(n)>>(bits-1) != 0
}

// signLost tells whether one of two numbers is negative and ClickHouse takes it for one without a sign, to find the remainder: the other one has no sign,
// is as wide, and has 32 bits or more.
func signLost(n, m int64, a, b Type) bool {
	if a.Kind == endpoint.Int {
		return n < 0 && b.Bits >= max(32, a.Bits)
	}
	return m < 0 && a.Bits >= max(32, b.Bits)
}

func makeNegate(e *sql.Call, args []*expr) (*expr, error) {
	t := args[0].typ
	if t.Kind == endpoint.Float {
		return numeric(e, args, floatType, func(v []Value) Value { return number(-v[0].Number) })
	}
	if !isInt(t) {
		return nil, wrongType(e, 0, args[0], "a number")
	}
	of := Type{Kind: endpoint.Int, Bits: t.Bits}
	if t.Kind == endpoint.UInt {
		of.Bits = min(64, 2*t.Bits)
	}
	return strict(of, args, func(_ *env, v []Value) Value { return cutTo(of, -v[0].Whole) }), nil
}

func makeAbs(e *sql.Call, args []*expr) (*expr, error) {
	t := args[0].typ
	if !isInt(t) {
		return numeric(e, args, floatType, func(v []Value) Value { return number(math.Abs(v[0].Number)) })
	}
	signed := t.Kind == endpoint.Int
	return strict(Type{Kind: endpoint.UInt, Bits: t.Bits}, args, func(_ *env, v []Value) Value {
		if signed && v[0].Whole < 0 {
			return whole(-v[0].Whole)
		}
		return v[0]
	}), nil
}

func makeSign(e *sql.Call, args []*expr) (*expr, error) {
	return numeric(e, args, Type{Kind: endpoint.Int, Bits: 8}, func(v []Value) Value {
		return whole(boolOf[v[0].Number > 0].Whole - boolOf[v[0].Number < 0].Whole)
	})
}

func makePow(e *sql.Call, args []*expr) (*expr, error) {
	return numeric(e, args, floatType, func(v []Value) Value {
		if v[1].Number == 2 {
			return number(v[0].Number * v[0].Number)
		}
		return number(math.Pow(v[0].Number, v[1].Number))
	})
}

// makeRound makes round, floor, ceil and trunc, to so many digits behind the point.
func makeRound(e *sql.Call, args []*expr) (*expr, error) {
	f := map[string]func(float64) float64{
		"round": math.RoundToEven, "floor": math.Floor, "ceil": math.Ceil, "ceiling": math.Ceil, "trunc": math.Trunc,
	}[strings.ToLower(e.Name)]
	if len(args) == 2 && (!args[1].constant || !isInt(args[1].typ)) {
		return nil, sql.Errorf(e.Args[1].Pos(), "", "%s takes a whole number of digits", e.Name)
	}
	digits := func(x *env) int {
		if len(args) == 1 {
			return 0
		}
		return int(min(max(args[1].eval(x).Whole, -308), 308))
	}
	if t := args[0].typ; isInt(t) {
		return strict(notNull(t), args[:1], func(x *env, v []Value) Value {
			if n := digits(x); n < 0 {
				return cutTo(t, roundWhole(strings.ToLower(e.Name), v[0].Whole, -n).Whole)
			}
			return v[0]
		}), nil
	}
	if !isNumber(args[0].typ) && args[0].typ.Kind != endpoint.Nothing {
		return nil, wrongType(e, 0, args[0], "a number")
	}
	return strict(floatType, args[:1], func(x *env, v []Value) Value {
		switch n := digits(x); {
		case n == 0:
			return number(f(v[0].Number))
		case n > 0:
			scale := math.Pow10(n)
			return number(f(v[0].Number*scale) / scale)
		default:
			scale := math.Pow10(-n)
			return number(f(v[0].Number/scale) * scale)
		}
	}), nil
}

// roundWhole cuts a whole number to a power of ten; half of one goes away from zero.
func roundWhole(name string, n int64, digits int) Value {
	if digits > 18 {
		return whole(0)
	}
	scale := int64(math.Pow10(digits))
	switch {
	case name == "round" && n >= 0:
		n += scale / 2
	case name == "round":
		n -= scale / 2
	case name == "floor" && n < 0:
		n -= scale - 1
	case (name == "ceil" || name == "ceiling") && n > 0:
		n += scale - 1
	}
	return whole(n / scale * scale)
}

// comparison makes = != < <= > and >=. A text that stands beside a time is read as one.
func comparison(holds func(c int) bool) function {
	return function{least: 2, most: 2, make: func(e *sql.Call, args []*expr) (*expr, error) {
		a, b, err := comparable2(e, args[0], args[1])
		if err != nil {
			return nil, err
		}
		equality := strings.HasSuffix(e.Name, "quals") && !strings.HasSuffix(e.Name, "OrEquals")
		return strict(boolType, []*expr{a, b}, func(_ *env, v []Value) Value {
			if a.typ.Kind == endpoint.Float && math.IsNaN(v[0].Number) || b.typ.Kind == endpoint.Float && math.IsNaN(v[1].Number) {
				return boolOf[equality && holds(1) && holds(-1)] // what is not a number is neither less nor greater
			}
			return boolOf[holds(compare(v[0], a.typ, v[1], b.typ))]
		}), nil
	}}
}

// comparable2 are two expressions of types that compare.
func comparable2(e *sql.Call, a, b *expr) (*expr, *expr, error) {
	for _, x := range [...]struct{ of, beside **expr }{{&a, &b}, {&b, &a}} {
		if (*x.of).typ.Kind == endpoint.String && isTime((*x.beside).typ) {
			made, err := asTime(e, *x.of, (*x.beside).typ)
			if err != nil {
				return nil, nil, err
			}
			*x.of = made
		}
	}
	if !compatible(a.typ, b.typ) {
		return nil, nil, sql.Errorf(e.At, "", "%s and %s do not compare", a.typ, b.typ)
	}
	return a, b, nil
}

// makeLogic makes and, or.
func makeLogic(e *sql.Call, args []*expr) (*expr, error) {
	or := strings.EqualFold(e.Name, "or")
	t := boolType
	for i, a := range args {
		if !isNumber(a.typ) && a.typ.Kind != endpoint.Nothing {
			return nil, wrongType(e, i, a, "a condition")
		}
		t.Nullable, t.Bool = t.Nullable || a.typ.Nullable, t.Bool || a.typ.Bool
	}
	return &expr{typ: t, eval: func(x *env) Value {
		unknown := false
		for _, a := range args {
			v := a.eval(x)
			if unknown = unknown || v.Null; !v.Null && truth(v, a.typ) == or {
				return boolOf[or]
			}
		}
		if unknown {
			return null
		}
		return boolOf[!or]
	}}, nil
}

func makeNot(e *sql.Call, args []*expr) (*expr, error) {
	if !isNumber(args[0].typ) && args[0].typ.Kind != endpoint.Nothing {
		return nil, wrongType(e, 0, args[0], "a condition")
	}
	return strict(boolType, args, func(_ *env, v []Value) Value { return boolOf[!truth(v[0], args[0].typ)] }), nil
}

// makeIn makes IN with a list. Nothing is in an empty one, such as an Array of a parameter without values makes.
func makeIn(e *sql.Call, args []*expr) (*expr, error) {
	of := args[0]
	list := make([]*expr, len(args)-1)
	for i, a := range args[1:] {
		if !a.constant {
			return nil, sql.Errorf(e.Args[i+1].Pos(), "", "a list of IN has constants alone")
		}
		_, b, err := comparable2(e, of, a)
		if err != nil {
			return nil, err
		}
		list[i] = b
	}
	return strict(boolType, args[:1], func(x *env, v []Value) Value {
		for _, a := range list {
			if w := a.eval(x); !w.Null && compare(v[0], of.typ, w, a.typ) == 0 {
				return boolOf[true]
			}
		}
		return boolOf[false]
	}), nil
}

// makeIf makes if(c, a, b) and multiIf(c, a, d, b, …, z).
func makeIf(e *sql.Call, args []*expr) (*expr, error) {
	if len(args)%2 == 0 {
		return nil, sql.Errorf(e.At, "", "%s takes conditions and values in turn, and a last value", e.Name)
	}
	var values []*expr
	for i, a := range args {
		if i%2 == 1 || i == len(args)-1 {
			values = append(values, a)
		} else if !isNumber(a.typ) && a.typ.Kind != endpoint.Nothing {
			return nil, wrongType(e, i, a, "a condition")
		}
	}
	t, err := common(e, values)
	if err != nil {
		return nil, err
	}
	return &expr{typ: t, eval: func(x *env) Value {
		for i := 0; i+1 < len(args); i += 2 {
			if truth(args[i].eval(x), args[i].typ) {
				return convert(args[i+1].eval(x), args[i+1].typ, t)
			}
		}
		last := args[len(args)-1]
		return convert(last.eval(x), last.typ, t)
	}}, nil
}

// common is the type of all of some values.
func common(e *sql.Call, values []*expr) (t Type, err error) {
	t = values[0].typ
	for _, v := range values[1:] {
		of, ok := supertype(t, v.typ)
		if !ok {
			return t, sql.Errorf(e.At, "write toFloat64(…) around one of them, or toString(…)", "there is no type that has both %s and %s", t, v.typ)
		}
		t = of
	}
	return t, nil
}

func nullTest(is bool) func(*sql.Call, []*expr) (*expr, error) {
	return func(_ *sql.Call, args []*expr) (*expr, error) {
		return &expr{typ: boolType, eval: func(x *env) Value { return boolOf[args[0].eval(x).Null == is] }}, nil
	}
}

func makeCoalesce(e *sql.Call, args []*expr) (*expr, error) {
	t, err := common(e, args)
	if err != nil {
		return nil, err
	}
	t.Nullable = true
	for _, a := range args {
		t.Nullable = t.Nullable && a.typ.Nullable
	}
	return &expr{typ: t, eval: func(x *env) Value {
		for _, a := range args {
			if v := a.eval(x); !v.Null {
				return convert(v, a.typ, t)
			}
		}
		return null
	}}, nil
}

func makeNullIf(e *sql.Call, args []*expr) (*expr, error) {
	a, b, err := comparable2(e, args[0], args[1])
	if err != nil {
		return nil, err
	}
	return &expr{typ: nullable(a.typ), eval: func(x *env) Value {
		v, w := a.eval(x), b.eval(x)
		if !v.Null && !w.Null && compare(v, a.typ, w, b.typ) == 0 && !(a.typ.Kind == endpoint.Float && math.IsNaN(v.Number)) {
			return null
		}
		return v
	}}, nil
}

func makeAssumeNotNull(_ *sql.Call, args []*expr) (*expr, error) {
	return &expr{typ: notNull(args[0].typ), eval: func(x *env) Value {
		v := args[0].eval(x)
		v.Null = false
		return v
	}}, nil
}

func makeToNullable(_ *sql.Call, args []*expr) (*expr, error) {
	return &expr{typ: nullable(args[0].typ), eval: args[0].eval}, nil
}

// makeExtreme makes least and greatest.
func makeExtreme(e *sql.Call, args []*expr) (*expr, error) {
	t, err := common(e, args)
	if err != nil {
		return nil, err
	}
	want := -1
	if strings.EqualFold(e.Name, "greatest") {
		want = 1
	}
	t.Nullable = t.Nullable || slices.ContainsFunc(args, func(a *expr) bool { return a.typ.Nullable })
	return &expr{typ: t, eval: func(x *env) Value {
		best := null
		for i, a := range args {
			v := convert(a.eval(x), a.typ, t)
			switch {
			case v.Null || !best.Null && isNaN(v, t) && len(args) > 2: // passed by
			case best.Null, i == 1 && len(args) == 2 && isNaN(v, t), isNaN(best, t), compare(v, t, best, t) == want:
				best = v
			}
		}
		return best
	}}, nil
}

func isNaN(v Value, t Type) bool { return t.Kind == endpoint.Float && math.IsNaN(v.Number) }

func floatTest(holds func(float64) bool) function {
	return function{least: 1, most: 1, make: func(e *sql.Call, args []*expr) (*expr, error) {
		return numeric(e, args, boolType, func(v []Value) Value { return boolOf[holds(v[0].Number)] })
	}}
}

func makeIfNotFinite(e *sql.Call, args []*expr) (*expr, error) {
	return numeric(e, args, floatType, func(v []Value) Value {
		if math.IsNaN(v[0].Number) || math.IsInf(v[0].Number, 0) {
			return v[1]
		}
		return v[0]
	})
}

// makeArrayElement makes quantiles(…)(x)[i].
func makeArrayElement(e *sql.Call, args []*expr) (*expr, error) {
	if args[0].typ.Kind != endpoint.Array || !isInt(args[1].typ) {
		return nil, sql.Errorf(e.At, "", "an index stands behind quantiles(…)(…) alone")
	}
	return strict(floatType, args, func(_ *env, v []Value) Value {
		i := v[1].Whole
		if i < 0 {
			i += int64(len(v[0].Values)) + 1
		}
		if i < 1 || i > int64(len(v[0].Values)) {
			return number(0)
		}
		return v[0].Values[i-1]
	}), nil
}

// bitsOf is the width of a type by the number at the end of its name.
func bitsOf(n int) uint8 { return uint8(1 << (bits.Len(uint(n)) - 1)) }
