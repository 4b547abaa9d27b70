package template

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// typed is a value of a parameter, held to a type.
type typed struct {
	typ string
	// text is the value as it is written, values those of an array.
	text   string
	values []string
	array  bool
}

// isType tells whether a name is that of a type, as a function of templates.
func isType(of string) bool {
	switch of {
	case "String", "Boolean", "Date", "DateTime", "DateTime64", "Int", "Integer", "Array", "Float32", "Float64", "UUID", "Symbol":
		return true
	}
	_, _, ok := intBits(of)
	return ok
}

// intBits is the width of Int8 to UInt256, and whether they have a sign.
func intBits(of string) (bits int, signed, ok bool) {
	digits, found := strings.CutPrefix(of, "Int")
	signed = found
	if !found {
		if digits, found = strings.CutPrefix(of, "UInt"); !found {
			return 0, false, false
		}
	}
	bits, err := strconv.Atoi(digits)
	return bits, signed, err == nil && slices.Contains([]int{8, 16, 32, 64, 128, 256}, bits)
}

// layouts are how times are written, by their types.
var layouts = map[string][]string{
	"Date": {time.DateOnly}, "DateTime": {time.DateTime, time.DateOnly}, "DateTime64": {"2006-01-02 15:04:05", time.DateOnly, "2006-01-02T15:04:05", time.RFC3339},
}

// valid tells whether a text is of a type.
func valid(of, text string) bool {
	switch of {
	case "String", "Symbol":
		return true
	case "UUID":
		return len(text) == 36
	case "Boolean":
		_, ok := booleanOf(text)
		return ok
	case "Float32", "Float64":
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && f-f == 0
	case "Date", "DateTime", "DateTime64":
		return slices.ContainsFunc(layouts[of], func(layout string) bool {
			_, err := time.Parse(layout, text)
			return err == nil
		})
	case "Int", "Integer":
		of = "Int64"
	}
	bits, signed, ok := intBits(of)
	n, isWhole := new(big.Int).SetString(text, 10)
	if !ok || !isWhole || len(text) > 80 {
		return false
	}
	if !signed {
		return n.Sign() >= 0 && n.BitLen() <= bits
	}
	if n.Sign() < 0 {
		n.Add(n, big.NewInt(1))
	}
	return n.BitLen() < bits
}

func booleanOf(text string) (is, ok bool) {
	switch strings.ToLower(text) {
	case "true", "1", "t", "yes":
		return true, true
	case "false", "0", "f", "no", "":
		return false, true
	}
	return false, false
}

// Sample is a value of the parameter, to check a template with.
func (p *Param) Sample() string {
	if p.HasDefault && p.Default != "" {
		return p.Default
	}
	if len(p.Enum) > 0 {
		return p.Enum[0]
	}
	switch p.Type {
	case "String", "Symbol", "":
		return "x"
	case "UUID":
		return "00000000-0000-0000-0000-000000000000"
	case "Date":
		return "2026-01-01"
	case "DateTime", "DateTime64":
		return "2026-01-01 00:00:00"
	}
	return "1"
}

// literal is the value as SQL writes it, within quotes only what is between them.
func (v *typed) literal(quoted bool) string {
	if v.array {
		parts := make([]string, len(v.values))
		for i, text := range v.values {
			one := typed{typ: v.typ, text: text}
			parts[i] = one.literal(false)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	switch {
	case quoted:
		return escape(v.text)
	case v.typ == "Boolean":
		if is, _ := booleanOf(v.text); is {
			return "1"
		}
		return "0"
	case v.typ == "Int" || v.typ == "Integer":
		return strings.TrimPrefix(v.text, "+")
	case v.typ == "Float32" || v.typ == "Float64":
		return "toFloat64('" + escape(v.text) + "')"
	}
	if bits, signed, ok := intBits(v.typ); ok {
		name := "toUInt"
		if signed {
			name = "toInt"
		}
		return name + strconv.Itoa(min(bits, 64)) + "('" + strings.TrimPrefix(v.text, "+") + "')"
	}
	return "'" + escape(v.text) + "'"
}

// value is what an expression of a template makes of it.
func (v *typed) value() any {
	switch {
	case v.array:
		values := make([]any, len(v.values))
		for i, text := range v.values {
			one := typed{typ: v.typ, text: text}
			values[i] = one.value()
		}
		return values
	case v.typ == "Boolean":
		is, _ := booleanOf(v.text)
		return is
	case v.typ == "Float32" || v.typ == "Float64":
		f, _ := strconv.ParseFloat(v.text, 64)
		return f
	}
	if _, _, ok := intBits(v.typ); ok || v.typ == "Int" || v.typ == "Integer" {
		if n, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			return n
		}
	}
	return v.text
}

var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, "`", "\\`", "\x00", `\0`, "\n", `\n`, "\r", `\r`)

// escape is a text as it stands within the quotes of one of SQL, whichever they are.
func escape(s string) string { return escapes.Replace(s) }
