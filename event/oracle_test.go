package event_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/residualdb/residual/event"
)

// verdict is what becomes of one line.
type verdict struct {
	event  event.Event  // of ml_model_predictions
	actual event.Actual // of ml_model_actuals
	column string
	code   event.Code
	cut    bool // the line ends inside of a surrogate pair
}

// matches tells whether a reject is what the verdict says. Of a line that ends
// inside of a surrogate pair one may say either that it does or that the pair is
// none.
func (v verdict) matches(r event.Reject) bool {
	either := v.cut && (v.code == event.CodeSyntax || v.code == event.CodeUTF8) &&
		(r.Code == event.CodeSyntax || r.Code == event.CodeUTF8)
	return r.Column == v.column && (r.Code == v.code || either)
}

var cutRef = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}(\\(u[0-9a-fA-F]{0,3})?)?$`)

// verdictRef judges a line the slow way: token by token with jsontext in its
// strict defaults, times with package time, floats with strconv. It shares
// nothing with the decoder but the rules: the first fault counts, reading from
// left to right, and a missing column last.
func verdictRef(line []byte, rules event.Rules) verdict {
	return judge(line, rules, &predictionsRef)
}

// judge is verdictRef for either data source.
func judge(line []byte, rules event.Rules, src *sourceRef) verdict {
	if len(line) > event.LineBytesMax {
		return verdict{code: event.CodeLineTooLong}
	}
	if trimmed := bytes.TrimLeft(line, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return verdict{code: event.CodeType}
	}
	r := reference{line: line, dec: jsontext.NewDecoder(bytes.NewReader(line)), rules: rules, src: src}
	r.object()
	if r.code != event.CodeNone {
		return verdict{column: r.column, code: r.code, cut: cutRef.Match(line)}
	}
	e := &r.event
	return verdict{event: r.event, actual: event.Actual{
		ModelID: e.ModelID, PredictionID: e.PredictionID, Value: e.ActualValue, Withdrawn: !e.HasActual,
		Observed: e.Timestamp, ModelVersion: e.ModelVersion, Environment: e.Environment,
	}}
}

type reference struct {
	line   []byte
	dec    *jsontext.Decoder
	rules  event.Rules
	src    *sourceRef
	column string
	code   event.Code
	event  event.Event
}

// sourceRef are the columns of a data source in the order of the schema: those that a row must have, and those that it may
// be without. A column that may be null says something by it.
type sourceRef struct{ columns, required, nullable []string }

var predictionsRef = sourceRef{
	columns: []string{
		"timestamp", "model_id", "prediction_id", "features", "predicted_value", "actual_value", "model_version", "environment",
	},
	required: []string{"timestamp", "model_id", "prediction_id", "features", "predicted_value", "model_version", "environment"},
	nullable: []string{"actual_value"},
}

var actualsRef = sourceRef{
	columns:  []string{"timestamp", "model_id", "prediction_id", "actual_value", "model_version", "environment"},
	required: []string{"model_id", "prediction_id", "actual_value"},
	nullable: []string{"timestamp", "actual_value", "model_version", "environment"},
}

func (s *sourceRef) known(name string) string {
	if slices.Contains(s.columns, name) {
		return name
	}
	return ""
}

func (r *reference) object() {
	if _, err := r.dec.ReadToken(); err != nil {
		r.syntax(err, "")
		return
	}
	given := map[string]bool{}
	for r.dec.PeekKind() != '}' {
		name, err := r.dec.ReadToken()
		if errors.Is(err, jsontext.ErrDuplicateName) {
			var se *jsontext.SyntacticError
			errors.As(err, &se)
			r.column, r.code = r.src.known(se.JSONPointer.LastToken()), event.CodeDuplicate
			return
		}
		if err != nil {
			r.syntax(err, "")
			return
		}
		if rest := bytes.TrimLeft(r.line[r.dec.InputOffset():], " \t\r\n"); len(rest) == 0 || rest[0] != ':' {
			r.code = event.CodeSyntax
			return
		}
		column := r.src.known(name.String())
		start := int(r.dec.InputOffset())
		if !r.value(column) {
			return
		}
		raw := bytes.TrimLeft(r.line[start:r.dec.InputOffset()], " \t\r\n:")
		if column == "" {
			continue
		}
		given[column] = true
		if string(raw) == "null" && slices.Contains(r.src.nullable, column) {
			continue
		}
		r.event.HasActual = r.event.HasActual || column == "actual_value"
		if r.code = r.cell(column, raw); r.code != event.CodeNone {
			r.column = column
			return
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		r.syntax(err, "")
		return
	}
	if len(bytes.Trim(r.line[r.dec.InputOffset():], " \t\r\n")) != 0 {
		r.code = event.CodeSyntax
		return
	}
	for _, c := range r.src.required {
		if !given[c] {
			r.column, r.code = c, event.CodeMissing
			return
		}
	}
}

// value reads one value, token by token for the sake of its depth.
func (r *reference) value(column string) bool {
	open := r.dec.StackDepth()
	for {
		tok, err := r.dec.ReadToken()
		if err != nil {
			r.syntax(err, column)
			return false
		}
		if r.dec.StackDepth() > event.DepthMax {
			r.column, r.code = column, event.CodeDepth
			return false
		}
		if end := r.dec.InputOffset(); tok.Kind() == '0' && end < int64(len(r.line)) && !strings.ContainsRune(",]} \t\r\n", rune(r.line[end])) {
			r.column, r.code = column, event.CodeNumber
			return false
		}
		if r.dec.StackDepth() == open {
			return true
		}
	}
}

// syntax classifies an error of jsontext.
func (r *reference) syntax(err error, column string) {
	r.column, r.code = column, event.CodeSyntax
	kind, n := r.dec.StackIndex(r.dec.StackDepth())
	wantsName := kind == '{' && n%2 == 0
	text := err.Error()
	var se *jsontext.SyntacticError
	switch errors.As(err, &se); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		r.code = event.CodeDuplicate
	case errors.Is(err, io.ErrUnexpectedEOF):
	case strings.Contains(text, "invalid UTF-8"):
		r.code = event.CodeUTF8
	case strings.Contains(text, "invalid surrogate pair"):
		r.code = event.CodeUTF8
	case strings.Contains(text, "expecting non-control character"):
		r.code = event.CodeControl
	case wantsName:
	case strings.Contains(text, "in number"):
		r.code = event.CodeNumber
	case strings.Contains(text, "at start of value") || strings.Contains(text, "at start of token"):
		if strings.IndexByte("+.NI", r.line[se.ByteOffset]) >= 0 {
			r.code = event.CodeNumber
		}
	}
}

// cell converts the value of a column, which is sound JSON.
func (r *reference) cell(column string, raw []byte) event.Code {
	e := &r.event
	switch column {
	case "timestamp":
		text, code := textRef(raw)
		if code != event.CodeNone {
			return code
		}
		return r.timestamp(text)
	case "model_id":
		return nameRef(raw, &e.ModelID)
	case "prediction_id":
		return nameRef(raw, &e.PredictionID)
	case "model_version":
		return nameRef(raw, &e.ModelVersion)
	case "environment":
		return nameRef(raw, &e.Environment)
	case "predicted_value":
		return numberRef(raw, &e.PredictedValue)
	case "actual_value":
		return numberRef(raw, &e.ActualValue)
	}
	return featuresRef(raw, &e.Features)
}

func textRef(raw []byte) (string, event.Code) {
	switch {
	case string(raw) == "null":
		return "", event.CodeMissing
	case raw[0] != '"':
		return "", event.CodeType
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		panic(err)
	}
	return string(text), event.CodeNone
}

func nameRef(raw []byte, dst *string) event.Code {
	text, code := textRef(raw)
	if code != event.CodeNone {
		return code
	}
	if text == "" || len(text) > event.NameBytesMax || strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
		return event.CodeName
	}
	*dst = text
	return event.CodeNone
}

func numberRef(raw []byte, dst *float64) event.Code {
	switch {
	case string(raw) == "null":
		return event.CodeMissing
	case raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'):
		return event.CodeType
	}
	var err error
	if *dst, err = strconv.ParseFloat(string(raw), 64); err != nil {
		return event.CodeNumber
	}
	return event.CodeNone
}

var timestampRef = regexp.MustCompile(
	`^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?$`)

func (r *reference) timestamp(text string) event.Code {
	m := timestampRef.FindStringSubmatch(text)
	if m == nil {
		return event.CodeTimestamp
	}
	if m[3] == "" {
		m[3] = "Z"
	}
	at, err := time.Parse(time.RFC3339Nano, m[1]+"T"+m[2]+m[3])
	if err != nil {
		return event.CodeTimestamp
	}
	oldest, newest := time.Unix(0, 0), time.Unix(1<<32, 0).Add(-time.Millisecond)
	if r.rules != (event.Rules{}) {
		if t := time.UnixMilli(r.rules.Oldest); t.After(oldest) {
			oldest = t
		}
		if t := time.UnixMilli(r.rules.Newest); t.Before(newest) {
			newest = t
		}
	}
	at = at.UTC().Truncate(time.Millisecond)
	switch {
	case at.Before(oldest):
		return event.CodeTooOld
	case at.After(newest):
		return event.CodeTooNew
	}
	r.event.Timestamp = at
	return event.CodeNone
}

func featuresRef(raw []byte, dst *string) event.Code {
	if raw[0] == '{' {
		v := jsontext.Value(bytes.Clone(raw))
		if err := v.Compact(); err != nil {
			panic(err)
		}
		*dst = string(v)
	} else {
		text, code := textRef(raw)
		if code != event.CodeNone {
			return code
		}
		*dst = text
	}
	if len(*dst) > event.FeaturesBytesMax {
		return event.CodeFeatures
	}
	dec := jsontext.NewDecoder(strings.NewReader(*dst))
	for first := true; first || dec.StackDepth() > 0; first = false {
		if _, err := dec.ReadToken(); err != nil || dec.StackDepth() > event.DepthMax {
			return event.CodeFeatures
		}
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return event.CodeFeatures
	}
	return event.CodeNone
}
