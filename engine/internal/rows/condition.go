package rows

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/residualdb/residual/internal/digits"
)

// Comparator is how a condition compares.
type Comparator uint8

// The comparators.
const (
	Equal Comparator = iota
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	comparators
)

// String returns the sign that people write.
func (c Comparator) String() string {
	if c < comparators {
		return [...]string{"=", "!=", "<", "<=", ">", ">="}[c]
	}
	return "comparator(" + strconv.Itoa(int(c)) + ")"
}

// holds tells whether the comparator holds for the order of two values.
func (c Comparator) holds(order int) bool {
	switch c {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Less:
		return order < 0
	case LessOrEqual:
		return order <= 0
	case Greater:
		return order > 0
	default:
		return order >= 0
	}
}

// Condition is what the features of a row must hold. It is safe for concurrent use.
type Condition struct {
	key, text string
	op        Comparator
	// number is what text says if it is a number as JSON writes them.
	number  number
	numeric bool
}

// NewCondition returns the condition that the value of a key compares so with a text.
func NewCondition(key string, op Comparator, text string) Condition {
	c := Condition{key: key, text: text, op: op}
	if isNumber(text) {
		c.number, c.numeric = numberOf([]byte(text)), true
	}
	return c
}

// Holds tells whether the condition holds for a JSON text. A value that is not there, or that cannot be compared with the
// text of the condition, is unequal to it and neither less nor greater. Only values of one kind are less or greater.
func (c *Condition) Holds(features []byte) bool {
	value, ok := lookup(features, c.key)
	if ok {
		var order int
		if order, ok = c.compare(value); ok && (order == 0 || c.inOrder(value[0])) {
			return c.op.holds(order)
		}
	}
	return c.op == NotEqual
}

// inOrder tells whether a value that begins so is less or greater than the text of the condition: a number than a number, a string than
// what is no number.
func (c *Condition) inOrder(first byte) bool {
	switch first {
	case '"':
		return !c.numeric
	case 't', 'f', 'n':
		return false
	}
	return c.numeric
}

// compare compares a JSON value with the text of the condition: a number as one, a string by what it says, true, false and null
// by these words. ok is false for an object or an array, and for a number where the text is none.
func (c *Condition) compare(value []byte) (order int, ok bool) {
	switch value[0] {
	case '{', '[':
		return 0, false
	case '"':
		said := value[1 : len(value)-1]
		if bytes.IndexByte(said, '\\') >= 0 {
			return strings.Compare(unquoted(value), c.text), true
		}
		return compareText(said, c.text), true
	case 't', 'f', 'n':
		return compareText(value, c.text), true
	}
	if !c.numeric {
		return 0, false
	}
	n := numberOf(value)
	return n.compare(&c.number), true
}

func compareText(b []byte, s string) int {
	switch { // neither conversion copies
	case string(b) == s:
		return 0
	case string(b) < s:
		return -1
	}
	return 1
}

// number is a number of a JSON text. Integers compare exactly, others as the floats nearest to them.
type number struct {
	value float64
	// integer is set for what is written as one; digits are then those without the sign.
	integer bool
	digits  string
}

// exactDigits is the most digits of which every integer is a float64.
const exactDigits = 15

// numberOf reads a number of JSON.
func numberOf(text []byte) number {
	rest, negative := text, false
	if len(rest) > 0 && rest[0] == '-' {
		rest, negative = rest[1:], true
	}
	mantissa, fraction, n := uint64(0), -1, 0
	for n < len(rest) {
		switch d := rest[n]; {
		case d-'0' <= 9 && n <= exactDigits:
			mantissa = 10*mantissa + uint64(d-'0')
			if fraction >= 0 {
				fraction++
			}
		case d == '.' && fraction < 0:
			fraction = 0
		default:
			return longNumber(text, rest)
		}
		n++
	}
	if n > exactDigits+1 || n > exactDigits && fraction < 0 {
		return longNumber(text, rest)
	}
	v := float64(mantissa)
	if fraction > 0 {
		v /= digits.FloatTens[fraction] // both are exact, so that the quotient is the nearest float
	}
	if negative {
		v = -v
	}
	return number{value: v, integer: fraction < 0}
}

// longNumber is numberOf for what has an exponent or many digits.
func longNumber(text, rest []byte) number {
	s := string(text)
	v, _ := strconv.ParseFloat(s, 64) // beyond float64 it is an infinity, which is as far as it compares
	n := number{value: v, integer: bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }) < 0}
	if n.integer {
		n.digits = s[len(text)-len(rest):]
	}
	return n
}

func (n *number) compare(o *number) int {
	if n.value != o.value || !n.integer || !o.integer || n.digits == "" || o.digits == "" {
		return cmp.Compare(n.value, o.value)
	}
	order := cmp.Or(cmp.Compare(len(n.digits), len(o.digits)), strings.Compare(n.digits, o.digits))
	if math.Signbit(n.value) {
		return -order
	}
	return order
}

// isNumber tells whether a text is a number as JSON writes them.
func isNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n]-'0' <= 9 {
			n++
		}
		s = s[n:]
		return n > 0
	}
	take := func(set string) bool {
		if s == "" || strings.IndexByte(set, s[0]) < 0 {
			return false
		}
		s = s[1:]
		return true
	}
	take("-")
	if !take("0") && !digits() || take(".") && !digits() {
		return false
	}
	if take("eE") {
		if take("+-"); !digits() {
			return false
		}
	}
	return s == ""
}

// unquoted returns what a JSON string says.
func unquoted(quoted []byte) string {
	var s string
	_ = json.Unmarshal(quoted, &s) // a text that is stored was found to be JSON
	return s
}
