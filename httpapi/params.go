package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/spelling"
)

// params are the parameters of a request, from its query string and, for a query by POST, from its body. Unknown ones
// are ignored, a known one may be given once.
type params struct {
	list  []param
	arena []byte // of decoded names and values
	// known are those of the pipe that is asked, with their defaults.
	known []Parameter
}

type param struct {
	name, value []byte
	// bare is set when there was no equals sign after the name.
	bare bool
}

// text is the parameter as people write it.
func (p *param) text() string {
	if p.bare {
		return string(p.name)
	}
	return string(p.name) + "=" + string(p.value)
}

// parse adds the parameters of a query string or a form.
func (p *params) parse(encoded []byte) {
	for len(encoded) > 0 {
		var pair []byte
		pair, encoded, _ = bytes.Cut(encoded, []byte("&"))
		name, value, equals := bytes.Cut(pair, []byte("="))
		p.list = append(p.list, param{p.decode(name), p.decode(value), !equals})
	}
}

// decode undoes percent and plus encoding; what is not an escape stays as it is.
func (p *params) decode(encoded []byte) []byte {
	start := len(p.arena)
	p.arena = fasthttp.AppendUnquotedArg(p.arena, encoded)
	return p.arena[start:]
}

func (p *params) add(name, value string) {
	p.list = append(p.list, param{name: []byte(name), value: []byte(value)})
}

func (p *params) reset() {
	clear(p.list)
	p.list, p.arena, p.known = p.list[:0], p.arena[:0], nil
	if cap(p.arena) > conn.QueryBytesMax {
		p.arena = nil
	}
}

// text returns the value of a parameter and whether it was given at all: an empty value is a value.
func (p *params) text(name string) (value []byte, given bool, err error) {
	for i := range p.list {
		if string(p.list[i].name) != name {
			continue
		}
		if given {
			return nil, false, problem.BadParameter("the parameter %s is given more than once", name)
		}
		value, given = p.list[i].value, true
	}
	return value, given, nil
}

// all returns the values of a parameter that may be given more than once.
func (p *params) all(name string) (values []string) {
	for i := range p.list {
		if string(p.list[i].name) == name {
			values = append(values, string(p.list[i].value))
		}
	}
	return values
}

// textOr is text with a default for a parameter that was not given.
func (p *params) textOr(name, fallback string) (string, error) {
	value, given, err := p.text(name)
	if !given {
		return fallback, err
	}
	return string(value), err
}

// lists tells whether the pipe has a parameter.
func (p *params) lists(name string) bool {
	return slices.ContainsFunc(p.known, func(known Parameter) bool { return known.Name == name })
}

// fallback is the default of a parameter of the pipe. What a pipe reads it must also list.
func (p *params) fallback(name string) string {
	for i := range p.known {
		if p.known[i].Name == name {
			return p.known[i].Default
		}
	}
	panic("BUG: the pipe does not list the parameter " + name)
}

// string reads a parameter of the pipe as it is.
func (p *params) string(name string) (string, error) { return p.textOr(name, p.fallback(name)) }

// boolean reads true, false, 1 and 0; a parameter that was not given is false.
func (p *params) boolean(name string) (bool, error) {
	value, given, err := p.text(name)
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

// int32 reads a whole number.
func (p *params) int32(name string) (int32, error) {
	value, err := p.string(name)
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

// float64 reads a number from low to high.
func (p *params) float64(name string, low, high float64) (float64, error) {
	value, err := p.string(name)
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

// atLeastOne reads a whole number above zero.
func (p *params) atLeastOne(name string) (uint64, error) {
	n, err := p.atLeast(name, 1)
	return uint64(max(n, 0)), err
}

// atLeast reads a whole number.
func (p *params) atLeast(name string, least int32) (int32, error) {
	n, err := p.int32(name)
	if err == nil && n < least {
		err = problem.BadParameter("Error validating '%d' to type Int32: the parameter %s must be %d or more", n, name, least)
	}
	return n, err
}

// hoursMax is the longest window a time.Duration holds, 292 years: longer than timestamps reach back.
const hoursMax = int32(math.MaxInt64 / int64(time.Hour))

// hours reads a window in hours. No hours at all come back as one nanosecond, because zero stands for the default
// where the window goes, and timestamps are milliseconds.
func (p *params) hours(name string) (time.Duration, error) {
	n, err := p.int32(name)
	if n == 0 {
		return time.Nanosecond, err
	}
	return time.Duration(min(max(n, -hoursMax), hoursMax)) * time.Hour, err
}

var timeLayouts = [...]string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00"}

// moment reads a point in time; zero if it was not given.
func (p *params) moment(name string) (time.Time, error) {
	value, given, err := p.text(name)
	if err != nil || !given {
		return time.Time{}, err
	}
	if t, ok := parseMoment(string(value)); ok {
		return t, nil
	}
	return time.Time{}, problem.BadParameter(
		"Error validating %s to type DateTime: the parameter %s must be YYYY-MM-DD hh:mm:ss[.fff] in UTC or RFC 3339, from 1970 to 2106",
		problem.Shown(value), name)
}

func parseMoment(value string) (t time.Time, ok bool) {
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, value)
		if err == nil && t.Unix() >= 0 && t.Unix() <= math.MaxUint32 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// dropClients takes out every from by which a client says who it is, which must not be taken for the start of a window:
// Tinybird's clients send from=cli or from=ts-sdk with every request.
func (p *params) dropClients() {
	p.list = slices.DeleteFunc(p.list, func(x param) bool { return string(x.name) == "from" && namesClient(x.value) })
}

// clientName is what a client may call itself. A start of a window begins with a digit.
var clientName = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z._/-]{0,63}$`)

// timeWord is what makes a value one that tries to be a time all the same: a year or a clock's time, or a word for a
// time.
var timeWord = regexp.MustCompile(`(?i)[0-9]{4}|^(now|today|yesterday|midnight|last|this)([^a-z]|$)`)

func namesClient(value []byte) bool { return clientName.Match(value) && !timeWord.Match(value) }

// readParams adds the parameters in the body of a POST: a JSON object, or a form.
func (s *Server) readParams(c *call) error {
	if !c.ctx.IsPost() {
		return nil
	}
	reader, closeBody, err := s.decoders.Open(c.ctx, parameterBytesMax)
	if err != nil {
		return err
	}
	defer closeBody()
	body, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		return c.params.addJSON(trimmed)
	}
	form := bytes.TrimSpace(body)
	if !isForm(form) {
		return problem.BadParameter("the body is neither a form nor one JSON object")
	}
	c.params.parse(form)
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

// refused are parameters that Tinybird's clients know and that change what an answer is: to ignore them would answer
// something else, and a client that asks for pages would never see the last one.
var refused = map[string]string{
	"q":         "SQL over the answer of a pipe is not supported",
	"page":      "an answer has no pages, it has all rows at once",
	"page_size": "an answer has no pages, it has all rows at once",
}

// checkRefused refuses a parameter that must not be ignored.
func (p *params) checkRefused() error {
	for i := range p.list {
		if why, ok := refused[string(p.list[i].name)]; ok && !p.lists(string(p.list[i].name)) {
			return problem.BadParameter("the parameter %s is refused: %s", p.list[i].name, why)
		}
	}
	return nil
}

func (p *params) addJSON(body []byte) error {
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
			p.add(name, v)
		case json.Number:
			p.add(name, v.String())
		case bool:
			p.add(name, strconv.FormatBool(v))
		default:
			return problem.BadParameter("the parameter %s must be a string, a number or true or false", problem.Shown(name))
		}
	}
	return nil
}

// Unknown parameters are ignored, because clients add their own. One that looks like a parameter of a pipe was most
// likely meant to be it: the header X-Ignored-Parameters names those, so that nobody takes an answer for another.

const ignoredHeader = "X-Ignored-Parameters"

// ignoredMax bounds the unknown parameters of a request that are looked at, ignoredBytesMax their names.
const (
	ignoredMax      = 32
	ignoredBytesMax = 48
)

// requestParameters are those that every route may have, from clients of Tinybird too.
var requestParameters = [...]string{"token", "from", "format", "cli_version", "tag", "debug", "explain"}

// clientParameters are what Tinybird's clients send with every request, besides a from that names them; so are all that begin
// with clientPrefix.
var clientParameters = [...]string{"token", "cli_version", "name", "tag", "debug"}

const clientPrefix = "__tb__"

// knownParameters returns the names of all parameters of all pipes, and those of requests.
var knownParameters = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for i := range pipes {
		for j := range pipes[i].parameters {
			known[pipes[i].parameters[j].Name] = true
		}
	}
	for _, name := range requestParameters {
		known[name] = true
	}
	return known
})

// checkAll refuses every parameter that is neither of those named, nor one that clients send with all that they ask: where rows
// are deleted, nothing that may be meant to spare some is ignored, and where a token is made, nothing that may be meant to bound it.
// undone is what has not been done then, and meant are names beside those that a wrong one may be meant for.
func (p *params) checkAll(undone string, named []string, meant ...string) error {
	p.dropClients()
	for i := range p.list {
		name := string(p.list[i].name)
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

// nameIgnored says in the answer's header which parameters look misspelt.
func (c *call) nameIgnored() {
	known := knownParameters()
	var names []string
	looked := 0
	conditions := c.params.lists(featureParameter)
	for i := range c.params.list {
		name := c.params.list[i].name
		if conditions && bytes.HasPrefix(name, []byte(featurePrefix)) || known[string(name)] || len(name) > ignoredBytesMax {
			continue
		}
		if looked++; looked > ignoredMax {
			break
		}
		if bytes.HasPrefix(name, []byte("feature")) {
			names = append(names, url.QueryEscape(string(name)))
			continue
		}
		for parameter := range known {
			if spelling.LooksLike(string(name), parameter) {
				names = append(names, url.QueryEscape(string(name)))
				break
			}
		}
	}
	if len(names) > 0 {
		c.ctx.Response.Header.Set(ignoredHeader, strings.Join(names, ", "))
	}
}
