package event

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/internal/jsontext"
)

// The bounds of defaults: a row costs them though its message does not have them.
const (
	defaultNameMax     = NameBytesMax
	defaultFeaturesMax = 64
)

// shape is a mapping as a decoder follows it. It does not change.
type shape struct {
	root *member
	// mapped are the columns that have a place or a default, integers those of them that may be written as integers.
	mapped, integers columnSet
	// whole is set where the features are the whole message.
	whole bool
	// defaults are the columns that have one, and filled their values.
	defaults columnSet
	filled   row
	// unit is what a timestamp counts that is a number, 0 where it may not be one.
	unit time.Duration
	// learnable is set where no value lies in another, so that a layout may say where they are.
	learnable bool
}

// member is a member of the objects of a shape: a column, or an object with members, or features with members that are columns too.
type member struct {
	col     column // colNone where it is none
	members map[string]*member
}

// add adds a column.
func (s *shape) add(of *schema, m *MappedColumn) error {
	c := column(slices.Index(columnNames[:], m.Name))
	switch {
	case c >= colNone || of.known&c.bit() == 0:
		return errors.New("there is no such column")
	case s.mapped&c.bit() != 0:
		return errors.New("it is there twice")
	case m.Unit < 0 || m.Unit > time.Second || m.Unit != 0 && c != colTimestamp:
		return errors.New("a unit is of a timestamp, and a second at most")
	case m.Integer && !c.isName():
		return errors.New("it is no text")
	case len(m.Path) == 0 && c != colFeatures:
		return errors.New("it cannot be the whole message")
	case len(m.Path) > DepthMax:
		return fmt.Errorf("its path is deeper than %d", DepthMax)
	}
	s.mapped |= c.bit()
	if c == colTimestamp {
		s.unit = m.Unit
	}
	if m.Integer {
		s.integers |= c.bit()
	}
	if m.HasDefault {
		if err := s.addDefault(c, m.Default); err != nil {
			return err
		}
	}
	if s.whole = s.whole || len(m.Path) == 0; len(m.Path) == 0 {
		return nil
	}
	at := s.root
	for _, name := range m.Path {
		if at.col != colNone && at.col != colFeatures {
			return fmt.Errorf("its path leads through that of %s", at.col)
		}
		if at.members == nil {
			at.members = make(map[string]*member)
		}
		next := at.members[name]
		if next == nil {
			next = &member{col: colNone}
			at.members[name] = next
		}
		s.learnable = s.learnable && at.col == colNone
		at = next
	}
	switch {
	case at.col != colNone:
		return fmt.Errorf("it has the path of %s", at.col)
	case at.members != nil && c != colFeatures:
		return errors.New("its path leads to that of other columns")
	}
	s.learnable = s.learnable && at.members == nil
	at.col = c
	return nil
}

// isName tells whether the values of a column are names.
func (c column) isName() bool {
	return c == colModel || c == colID || c == colVersion || c == colEnvironment
}

// addDefault checks and keeps the default of a column.
func (s *shape) addDefault(c column, text string) error {
	padded := append(make([]byte, 0, len(text)+slack), text...)
	var check checker
	f := faultNone
	most := defaultNameMax
	switch c {
	case colTimestamp, colID:
		return errors.New("it has no default")
	case colPredicted, colActual:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || !isFinite(value) || strings.ContainsAny(text, "xX_") {
			return errors.New("the default is not a number")
		}
		s.filled.predicted, s.filled.actual = value, value
		if c == colPredicted {
			s.filled.actual = 0
		}
	case colFeatures:
		most = defaultFeaturesMax
		f = check.features(padded, false)
		fallthrough
	default:
		if len(text) > most {
			return fmt.Errorf("the default has %d bytes; %d are allowed", len(text), most)
		}
		if c != colFeatures {
			f = checkNameString(text)
		}
		s.filled.setName(c, padded)
	}
	if f != faultNone {
		return fmt.Errorf("the default: %s", faults[f].text)
	}
	s.defaults |= c.bit()
	return nil
}

// readShaped reads the object whose brace is at i into d.row, which has the members that of says. The shape bounds how deep it goes.
func (d *Decoder) readShaped(b []byte, i int, of *member) (end int, c column, f fault) {
	if i = jsontext.SkipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, colNone, faultNone
	}
	scope := d.check.names.open()
	for more := true; more && f == faultNone; {
		var m *member
		if i, m, f = d.readShapedKey(b, i, of, &scope); f != faultNone {
			break
		}
		if i, c, f = d.readShapedValue(b, i, m); f != faultNone {
			break
		}
		i, more, f = scanSeparator(b, i, '}')
	}
	d.check.names.close(&scope)
	return i, c, f
}

// readShapedKey reads the key at i and the colon behind it. m is nil for a member that the shape does not name.
func (d *Decoder) readShapedKey(b []byte, i int, of *member, scope *nameScope) (value int, m *member, f fault) {
	end, escaped, f := scanKey(b, i)
	if f != faultNone {
		return end, nil, f
	}
	if !d.check.names.add(scope, b, i+1, end, escaped) {
		return i, nil, faultDuplicate
	}
	key := b[i+1 : end]
	if escaped {
		mark := len(d.scratch)
		d.scratch = unescape(d.scratch, key)
		key = d.scratch[mark:]
	}
	m = of.members[string(key)]
	value, f = scanColon(b, end+1)
	return value, m, f
}

// readShapedValue reads the value at i, of the member m of the shape; m is nil for a member that the shape does not name. A value that
// goes to no column may nest DepthMax deep counted from the message, wherever it lies: a learned layout does not know how deep that is.
func (d *Decoder) readShapedValue(b []byte, i int, m *member) (end int, c column, f fault) {
	object := i < len(b) && b[i] == '{'
	switch {
	case m == nil:
		end, f = d.check.value(b, i, 1)
	case m.members != nil && object:
		if end, c, f = d.readShaped(b, i, m); f != faultNone || m.col == colNone {
			return end, c, f
		}
		d.row.given |= m.col.bit()
		return end, m.col, d.keepFeatures(b[i:end])
	case m.members != nil && m.col == colNone: // which a layout would take for a value without members
		d.unlike = true
		end, f = d.check.value(b, i, 1)
	default:
		c = m.col
		end, f = d.readValue(b, i, c)
	}
	if f == faultNone {
		d.values = append(d.values, span{start: i, end: end, col: c})
		if m == nil {
			d.values[len(d.values)-1].col = colNone
		}
	}
	return end, c, f
}

// complete gives d.row, read from line, what a shape adds: defaults, and the line as features.
func (d *Decoder) complete(line []byte) (column, fault) {
	s := d.src.shape
	if s == nil {
		return colNone, faultNone
	}
	r := &d.row
	absent := s.defaults &^ r.given
	for c := range colNone {
		switch {
		case absent&c.bit() == 0:
		case c == colPredicted:
			r.predicted = s.filled.predicted
		case c == colActual:
			r.actual, r.nulls = s.filled.actual, r.nulls&^colActual.bit()
		default:
			r.text[c], r.words[c] = s.filled.text[c], s.filled.words[c]
		}
	}
	r.given |= absent
	if s.whole {
		return colFeatures, d.keepFeatures(line)
	}
	return colNone, faultNone
}
