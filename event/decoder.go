package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/residualdb/residual/internal/jsontext"
)

// Format says how a body lays out its events.
type Format uint8

const (
	// NDJSON is one JSON object per line. A body that is, as a whole, one object laid out over several lines is one
	// event.
	NDJSON Format = iota

	// JSON is one object or one array of objects, white space as one likes.
	JSON

	// Records is NDJSON that a table was made into. A line that is a JSON string tells what is wrong with a record that could not be
	// made into a row.
	Records
)

// byteOrderMark may stand before a body, and is skipped.
const byteOrderMark = "\xEF\xBB\xBF"

// String returns the name of the format in a query.
func (f Format) String() string {
	switch f {
	case NDJSON, Records: // which is no name of its own: a file is sent again as what it was
		return "ndjson"
	case JSON:
		return "json"
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// Decoder turns bodies into batches; [NewDecoder] makes one. It keeps its memory and what it learned from the bodies
// before, both bounded, and is for one goroutine at a time.
type Decoder struct {
	// What was learned: how senders lay out their lines and, whatever the data source, their features; the series, the
	// names; the last date.
	predictions, actuals source
	features             layouts
	series               seriesCache
	names                map[string]string // of actuals: models, versions, environments; models that the Rules were asked about
	clock                clock

	// Of the current body.
	src     *source
	rules   Rules
	records bool

	// Of the current line.
	row     row
	padded  []byte // a copy of a line that had no slack
	scratch []byte // unescaped and compacted texts
	values  []span // where the values lie
	unlike  bool   // its layout is not to be learned
	check   checker
}

// source is a data source: its schema, the shape of its messages unless each column is the member of its name, and how its senders
// lay out their lines.
type source struct {
	schema
	shape   *shape
	layouts layouts
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder {
	return &Decoder{
		clock:       newClock(),
		predictions: source{schema: predictionsSchema()},
		actuals:     source{schema: actualsSchema()},
	}
}

// Decode appends the predictions of a body to dst, and to its rejects the lines that are none. The error is
// [ErrMalformed] or [ErrTooLarge]; dst is then as it was. Nothing in dst points into body.
func (d *Decoder) Decode(dst *Batch, body []byte, format Format, rules Rules) error {
	d.series.begin(len(dst.Series) == 0)
	d.src, d.rules = &d.predictions, rules
	return d.decode(dst, body, format)
}

// DecodeActuals is [Decoder.Decode] for the rows of ml_model_actuals.
func (d *Decoder) DecodeActuals(dst *Actuals, body []byte, format Format, rules Rules) error {
	d.src, d.rules = &d.actuals, rules
	return d.decode(dst, body, format)
}

// DecodeEach appends the prediction that each of some texts is, whatever white space it is laid out with, and to the rejects of dst
// those that are none; [Reject.Line] is the number of the text, from 1. The error is [ErrTooLarge]; dst is then as it was. Nothing in
// dst points into the texts.
func (d *Decoder) DecodeEach(dst *Batch, texts [][]byte, rules Rules) error {
	d.series.begin(len(dst.Series) == 0)
	d.src, d.rules = &d.predictions, rules
	return d.decodeEach(dst, texts)
}

// DecodeEachActual is [Decoder.DecodeEach] for the rows of ml_model_actuals.
func (d *Decoder) DecodeEachActual(dst *Actuals, texts [][]byte, rules Rules) error {
	d.src, d.rules = &d.actuals, rules
	return d.decodeEach(dst, texts)
}

// sink is where rows and rejects go: a Batch or an Actuals.
type sink interface {
	// reserve fails if so many more bytes of text may not fit.
	reserve(textBytes int) error
	// addRow appends d.row.
	addRow(d *Decoder)
	rejects() rejects
}

func (d *Decoder) decode(dst sink, body []byte, format Format) error {
	if err := dst.reserve(len(body)); err != nil {
		return err
	}
	defer d.release()
	d.records = format == Records
	body = slices.Clip(body) // what lies behind it may be another's
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	if format == JSON {
		return d.decodeJSON(dst, body)
	}
	d.decodeLines(dst, body)
	return nil
}

func (d *Decoder) decodeEach(dst sink, texts [][]byte) error {
	bytesAll := 0
	for _, text := range texts {
		bytesAll += len(text)
	}
	if err := dst.reserve(bytesAll); err != nil {
		return err
	}
	defer d.release()
	d.records = false
	for i, text := range texts {
		text = bytes.TrimPrefix(slices.Clip(text), []byte(byteOrderMark)) // what lies behind it may be another's
		if n := len(text); n > 0 && text[n-1] <= ' ' {
			text = bytes.TrimRight(text, " \t\r\n")
		}
		d.decodeOne(dst, text, i+1)
	}
	return nil
}

// intern returns a name as a string, which is allocated once.
func (d *Decoder) intern(text []byte) string {
	if name, ok := d.names[string(text)]; ok {
		return name
	}
	if d.names == nil || len(d.names) >= cachedSeriesMax {
		d.names = make(map[string]string)
	}
	name := string(text)
	d.names[name] = name
	return name
}

// release lets go of the body that the last row points into.
func (d *Decoder) release() { d.row = row{} }

// decodeOne appends the event that text holds, or rejects it.
func (d *Decoder) decodeOne(dst sink, text []byte, line int) {
	if len(text) > LineBytesMax {
		dst.rejects().add(line, colNone, faultLineLong, text)
		return
	}
	if c, f := d.readLine(d.withSlack(text)); f != faultNone {
		if f == faultNotObject && d.records {
			f, text = faultNotRow, unquoted(text)
		}
		dst.rejects().add(line, c, f, text)
		return
	}
	if d.rules.Within != nil || d.row.time < d.rules.KeptByAll {
		ms := d.row.time
		if d.row.given&colTimestamp.bit() == 0 {
			ms = noTime
		}
		if c, f := d.rules.ofModel(d.intern(d.row.text[colModel]), ms); f != faultNone {
			dst.rejects().add(line, c, f, text)
			return
		}
	}
	dst.addRow(d)
}

// unquoted is what a JSON string says; another text as it is.
func unquoted(text []byte) []byte {
	var said string
	if json.Unmarshal(text, &said) != nil {
		return text
	}
	return []byte(said)
}

// withSlack returns a text, or a copy of one that has no slack: the last of a body.
func (d *Decoder) withSlack(text []byte) []byte {
	if hasSlack(text) {
		return text
	}
	d.padded = append(slices.Grow(d.padded[:0], len(text)+slack), text...)
	return d.padded
}

// decodeLines decodes NDJSON.
func (d *Decoder) decodeLines(dst sink, body []byte) {
	if start, ok := d.isOneObject(body); ok {
		line := 1 + bytes.Count(body[:start], []byte{'\n'})
		d.decodeOne(dst, bytes.TrimRight(body[start:], " \t\r\n"), line)
		return
	}
	for line := 1; len(body) > 0; line++ {
		text := body
		if end := bytes.IndexByte(body, '\n'); end >= 0 {
			text, body = body[:end], body[end+1:]
		} else {
			body = nil
		}
		if n := len(text); n > 0 && text[n-1] == '\r' {
			text = text[:n-1]
		}
		if jsontext.SkipSpace(text, 0) == len(text) {
			continue
		}
		d.decodeOne(dst, text, line)
	}
}

// decodeJSON decodes one object or an array of events. The outline of the body is checked first, so that a malformed
// one leaves dst alone.
func (d *Decoder) decodeJSON(dst sink, body []byte) error {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return fmt.Errorf("%w: empty", ErrMalformed)
	}
	switch body[0] {
	case '{':
		if end, ok := jsontext.SkipValue(body, 0); !ok || end != len(body) {
			return fmt.Errorf("%w: not one JSON object", ErrMalformed)
		}
		d.decodeOne(dst, body, 1)
		return nil
	case '[':
		if !eachElement(body, func(int, []byte) {}) {
			return fmt.Errorf("%w: not one JSON array", ErrMalformed)
		}
		eachElement(body, func(n int, text []byte) { d.decodeOne(dst, text, n) })
		return nil
	}
	return fmt.Errorf("%w: neither a JSON object nor an array of them", ErrMalformed)
}
