package event

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrMapping is returned for a [Mapping] that no decoder can follow.
var ErrMapping = errors.New("event: mapping")

// ColumnError is what is wrong with a column of a [Mapping]. It is of class [ErrMapping].
type ColumnError struct {
	Column string
	// Reason is in words that follow the name of the column.
	Reason error
}

// Error returns the column and the reason.
func (e *ColumnError) Error() string {
	return fmt.Sprintf("%v: column %q: %v", ErrMapping, e.Column, e.Reason)
}

// Unwrap returns the class.
func (e *ColumnError) Unwrap() error { return ErrMapping }

// Mapping says where in the JSON of a message the columns of a data source are, for senders whose messages have a shape of their
// own. Members that it does not name are ignored, whatever they hold.
type Mapping struct {
	// Actuals is set for the columns of ml_model_actuals.
	Actuals bool
	// Columns are those that messages have. Others are absent from every message.
	Columns []MappedColumn
}

// MappedColumn is a column and where its value is.
type MappedColumn struct {
	// Name is that of the column, as [Mapping.ColumnNames] has it.
	Name string
	// Path leads to the value, member by member. An empty one is the whole message, which features alone may be.
	Path []string
	// Default stands for a value that is absent or null, where HasDefault is set: a text, or a number as JSON writes it. A
	// timestamp and a prediction id have none: a message that is sent again would be another row.
	Default    string
	HasDefault bool
	// Unit is set for a timestamp that may be a number: the time since 1970 in units of it, of which what is less than a
	// millisecond is cut off. Texts are taken as well.
	Unit time.Duration
	// Integer is set for a text that may be an integer: its digits are the text.
	Integer bool
}

// ColumnNames are the columns that a mapping may have, and those of them that it must have.
func (m *Mapping) ColumnNames() (all, required []string) {
	s := m.schema()
	for c := range colNone {
		if s.known&c.bit() != 0 {
			all = append(all, c.String())
		}
		if s.required&c.bit() != 0 {
			required = append(required, c.String())
		}
	}
	return all, required
}

// Column returns the mapped column of a name; nil if there is none.
func (m *Mapping) Column(name string) *MappedColumn {
	i := slices.IndexFunc(m.Columns, func(c MappedColumn) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Columns[i]
}

// Equal tells whether two mappings are the same.
func (m *Mapping) Equal(other *Mapping) bool {
	return m.Actuals == other.Actuals && slices.EqualFunc(m.Columns, other.Columns, func(a, b MappedColumn) bool {
		return a.Name == b.Name && slices.Equal(a.Path, b.Path) && a.Default == b.Default && a.HasDefault == b.HasDefault && a.Unit == b.Unit && a.Integer == b.Integer
	})
}

func (m *Mapping) schema() schema {
	if m.Actuals {
		return actualsSchema()
	}
	return predictionsSchema()
}

// NewMappedDecoder returns a Decoder whose messages are of the shape that m says: [Decoder.Decode] follows it, or
// [Decoder.DecodeActuals] if it is of actuals. The other of them is as that of [NewDecoder]. The error is of class [ErrMapping].
func NewMappedDecoder(m *Mapping) (*Decoder, error) {
	s := m.schema()
	shape := &shape{root: &member{col: colNone}, learnable: true}
	for i := range m.Columns {
		if err := shape.add(&s, &m.Columns[i]); err != nil {
			return nil, &ColumnError{m.Columns[i].Name, err}
		}
	}
	if c := s.firstMissing(shape.mapped); c != colNone {
		return nil, &ColumnError{c.String(), errors.New("it is missing")}
	}
	if s.required &^= shape.defaults; shape.whole {
		s.required &^= colFeatures.bit()
	}
	d := NewDecoder()
	if m.Actuals {
		d.actuals = source{schema: s, shape: shape}
	} else {
		d.predictions = source{schema: s, shape: shape}
	}
	return d, nil
}

// readEpoch reads the number at i as a time since 1970 in a unit.
func (d *Decoder) readEpoch(b []byte, i int, unit time.Duration) (int, fault) {
	_, end, f := scanNumber(b, i)
	if f != faultNone {
		return end, f
	}
	whole, fraction, _ := strings.Cut(string(b[i:end]), ".")
	if strings.ContainsAny(whole+fraction, "eE") {
		return end, faultEpochForm
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	nanos, parts := int64(unit), int64(0)
	for k := range 9 { // the parts of 10^-9 of a unit
		parts *= 10
		if k < len(fraction) {
			parts += int64(fraction[k] - '0')
		}
	}
	ms := int64(-1)
	switch {
	case whole[0] == '-':
	case err != nil || n >= (1<<63-1)/nanos:
		ms = 1<<63 - 1
	default:
		ms = (n*nanos + parts*nanos/int64(time.Second)) / int64(time.Millisecond)
	}
	d.row.time = ms
	return end, d.rules.check(ms)
}

// readInteger reads the number at i as the text of a name: its digits.
func (d *Decoder) readInteger(b []byte, i int, c column) (int, fault) {
	_, end, f := scanNumber(b, i)
	if f != faultNone {
		return end, f
	}
	text := b[i:end]
	if bytes.ContainsAny(text, ".eE") {
		return end, faultWantInteger
	}
	d.row.setName(c, text)
	return end, checkName(text)
}
