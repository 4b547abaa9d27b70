package params

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/spelling"
)

// Parameter is one parameter of a pipe.
type Parameter struct {
	Name, Kind string
	// Default is what the parameter is when it is not given, empty where that means something else than any value.
	Default, Description string
}

// List are the parameters of a request, from its query string and, for a query by POST, from its body. Unknown ones
// are ignored, a known one may be given once.
type List struct {
	// Given are the parameters in their order.
	Given []Param
	arena []byte // of decoded names and values

	// Known are those of the pipe that is asked, with their defaults.
	Known []Parameter
}

// Param is a parameter as it was given.
type Param struct {
	Name, Value []byte
	// Bare is set when there was no equals sign after the name.
	Bare bool
}

// Text is the parameter as people write it.
func (p *Param) Text() string {
	if p.Bare {
		return string(p.Name)
	}
	return string(p.Name) + "=" + string(p.Value)
}

// Parse adds the parameters of a query string or a form.
func (p *List) Parse(encoded []byte) {
	for len(encoded) > 0 {
		var pair []byte
		pair, encoded, _ = bytes.Cut(encoded, []byte("&"))
		name, value, equals := bytes.Cut(pair, []byte("="))
		p.Given = append(p.Given, Param{p.decode(name), p.decode(value), !equals})
	}
}

// decode undoes percent and plus encoding; what is not an escape stays as it is.
func (p *List) decode(encoded []byte) []byte {
	start := len(p.arena)
	p.arena = fasthttp.AppendUnquotedArg(p.arena, encoded)
	return p.arena[start:]
}

// Add adds a parameter that needs no decoding.
func (p *List) Add(name, value string) {
	p.Given = append(p.Given, Param{Name: []byte(name), Value: []byte(value)})
}

// Reset forgets all parameters, and keeps memory that is worth keeping.
func (p *List) Reset() {
	clear(p.Given)
	p.Given, p.arena, p.Known = p.Given[:0], p.arena[:0], nil
	if cap(p.arena) > conn.QueryBytesMax {
		p.arena = nil
	}
}

// Text returns the value of a parameter and whether it was given at all: an empty value is a value.
func (p *List) Text(name string) (value []byte, given bool, err error) {
	for i := range p.Given {
		if string(p.Given[i].Name) != name {
			continue
		}
		if given {
			return nil, false, problem.BadParameter("the parameter %s is given more than once", name)
		}
		value, given = p.Given[i].Value, true
	}
	return value, given, nil
}

// All returns the values of a parameter that may be given more than once.
func (p *List) All(name string) (values []string) {
	for i := range p.Given {
		if string(p.Given[i].Name) == name {
			values = append(values, string(p.Given[i].Value))
		}
	}
	return values
}

// TextOr is text with a default for a parameter that was not given.
func (p *List) TextOr(name, fallback string) (string, error) {
	value, given, err := p.Text(name)
	if !given {
		return fallback, err
	}
	return string(value), err
}

// Lists tells whether the pipe has a parameter.
func (p *List) Lists(name string) bool {
	return slices.ContainsFunc(p.Known, func(known Parameter) bool { return known.Name == name })
}

// fallback is the default of a parameter of the pipe. What a pipe reads it must also list.
func (p *List) fallback(name string) string {
	for i := range p.Known {
		if p.Known[i].Name == name {
			return p.Known[i].Default
		}
	}
	panic("BUG: the pipe does not list the parameter " + name)
}

// String reads a parameter of the pipe as it is.
func (p *List) String(name string) (string, error) { return p.TextOr(name, p.fallback(name)) }

// Boolean reads true, false, 1 and 0; a parameter that was not given is false.
func (p *List) Boolean(name string) (bool, error) {
	value, given, err := p.Text(name)
	if err != nil || !given {
		return false, err
	}
	switch string(value) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, problem.BadParameter("Error validating %s to type Boolean: the parameter %s must be true, false, 1 or 0",
		problem.Shown(value), name)
}

// Int32 reads a whole number.
func (p *List) Int32(name string) (int32, error) {
	value, err := p.String(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return 0, problem.BadParameter(
			"Error validating %s to type Int32: the parameter %s must be a whole number from -2147483648 to 2147483647",
			problem.Shown(value), name)
	}
	return int32(n), nil
}

// Float64 reads a number from low to high.
func (p *List) Float64(name string, low, high float64) (float64, error) {
	value, err := p.String(name)
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= low && f <= high) {
		return 0, problem.BadParameter("Error validating %s to type Float64: the parameter %s must be a number from %g to %g",
			problem.Shown(value), name, low, high)
	}
	return f, nil
}

// AtLeastOne reads a whole number above zero.
func (p *List) AtLeastOne(name string) (uint64, error) {
	n, err := p.AtLeast(name, 1)
	return uint64(max(n, 0)), err
}

// AtLeast reads a whole number.
func (p *List) AtLeast(name string, least int32) (int32, error) {
	n, err := p.Int32(name)
	if err == nil && n < least {
		err = problem.BadParameter("Error validating '%d' to type Int32: the parameter %s must be %d or more", n, name, least)
	}
	return n, err
}

// HoursMax is the longest window a time.Duration holds, 292 years: longer than timestamps reach back.
const HoursMax = int32(math.MaxInt64 / int64(time.Hour))

// Hours reads a window in hours. No hours at all come back as one nanosecond, because zero stands for the default
// where the window goes, and timestamps are milliseconds.
func (p *List) Hours(name string) (time.Duration, error) {
	n, err := p.Int32(name)
	if n == 0 {
		return time.Nanosecond, err
	}
	return time.Duration(min(max(n, -HoursMax), HoursMax)) * time.Hour, err
}

var timeLayouts = [...]string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00"}

// Moment reads a point in time; zero if it was not given.
func (p *List) Moment(name string) (time.Time, error) {
	value, given, err := p.Text(name)
	if err != nil || !given {
		return time.Time{}, err
	}
	if t, ok := ParseMoment(string(value)); ok {
		return t, nil
	}
	return time.Time{}, problem.BadParameter(
		"Error validating %s to type DateTime: the parameter %s must be YYYY-MM-DD hh:mm:ss[.fff] in UTC or RFC 3339, from 1970 to 2106",
		problem.Shown(value), name)
}

// ParseMoment reads a point in time in one of timeLayouts, in UTC where it has no zone.
func ParseMoment(value string) (t time.Time, ok bool) {
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, value)
		if err == nil && t.Unix() >= 0 && t.Unix() <= math.MaxUint32 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// DropClients takes out every from by which a client says who it is, which must not be taken for the start of a window:
// Tinybird's clients send from=cli or from=ts-sdk with every request.
func (p *List) DropClients() {
	p.Given = slices.DeleteFunc(p.Given, func(x Param) bool { return string(x.Name) == "from" && namesClient(x.Value) })
}

// clientName is what a client may call itself. A start of a window begins with a digit.
var clientName = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z._/-]{0,63}$`)

// timeWord is what makes a value one that tries to be a time all the same: a year or a clock's time, or a word for a
// time.
var timeWord = regexp.MustCompile(`(?i)[0-9]{4}|^(now|today|yesterday|midnight|last|this)([^a-z]|$)`)

func namesClient(value []byte) bool { return clientName.Match(value) && !timeWord.Match(value) }

// AddBody adds the parameters in a body: a JSON object, or a form.
func (p *List) AddBody(body []byte) error {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '{' {
		return p.AddJSON(body)
	}
	if !isForm(body) {
		return problem.BadParameter("the body is neither a form nor one JSON object")
	}
	p.Parse(body)
	return nil
}

// isForm tells a form from other text, such as SQL over the answer, as Tinybird takes it, or a form in parts: no name has white
// space. Values have what curl -d sends as it is given.
func isForm(body []byte) bool {
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		name, _, _ := bytes.Cut(pair, []byte("="))
		if bytes.ContainsAny(name, " \t\r\n") {
			return false
		}
	}
	return true
}

// AddJSON adds the members of a JSON object; null is a parameter that was not given.
func (p *List) AddJSON(body []byte) error {
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return problem.BadParameter("the body is neither a form nor one JSON object")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return problem.BadParameter("the body has data after its JSON object")
	}
	for name, value := range values {
		switch v := value.(type) {
		case nil:
		case string:
			p.Add(name, v)
		case json.Number:
			p.Add(name, v.String())
		case bool:
			p.Add(name, strconv.FormatBool(v))
		default:
			return problem.BadParameter("the parameter %s must be a string, a number or true or false", problem.Shown(name))
		}
	}
	return nil
}

// clientParameters are what Tinybird's clients send with every request, besides a from that names them; so are all that begin
// with clientPrefix.
var clientParameters = [...]string{"token", "cli_version", "name", "tag", "debug"}

const clientPrefix = "__tb__"

// CheckAll refuses every parameter that is neither of those named, nor one that clients send with all that they ask: where rows
// are deleted, nothing that may be meant to spare some is ignored, and where a token is made, nothing that may be meant to bound it.
// undone is what has not been done then, and meant are names beside those that a wrong one may be meant for.
func (p *List) CheckAll(undone string, named []string, meant ...string) error {
	p.DropClients()
	for i := range p.Given {
		name := string(p.Given[i].Name)
		if slices.Contains(named, name) || slices.Contains(clientParameters[:], name) || strings.HasPrefix(name, clientPrefix) {
			continue
		}
		hint := ""
		if near := spelling.Nearest(name, slices.Concat(named, meant)); near != "" {
			hint = ", which looks like " + near
		}
		return problem.BadParameter("the parameter %s is unknown here%s; %s. It has %s", problem.Shown(name), hint, undone,
			strings.Join(named, ", "))
	}
	return nil
}
