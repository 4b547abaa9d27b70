package event

import (
	"bytes"
	"encoding/json"

	"github.com/residualdb/residual/internal/jsontext"
)

// ModelOf returns the model that a rejected line is about: the line has the outline of one JSON object, in which model_id
// stands once and is a name. What else is wrong with the line does not matter. ok is false where no model can be told for
// sure, as of a line that was cut, or that names two.
func ModelOf(line []byte) (model string, ok bool) {
	return modelAt(bytes.Trim(line, " \t\r\n"), ownPath, false)
}

// ownPath leads to the model of an event without a mapping.
var ownPath = []string{colModel.String()}

// ModelOf is the function of that name for a line of a data source with a mapping. A default is no model of a rejected line.
func (m *Mapping) ModelOf(line []byte) (model string, ok bool) {
	c := m.Column(colModel.String())
	if c == nil {
		return "", false
	}
	return modelAt(bytes.Trim(line, " \t\r\n"), c.Path, c.Integer)
}

// modelAt returns the model that is at a path, each of whose members stands once in the object that has it.
func modelAt(line []byte, path []string, integer bool) (model string, ok bool) {
	found := false
	if len(line) == 0 || line[0] != '{' {
		return "", false
	}
	if end, whole := jsontext.SkipValue(line, 0); !whole || end != len(line) {
		return "", false
	}
	// The line ends with a bracket, before which each step below stops.
	for i := jsontext.SkipSpace(line, 1); line[i] != '}'; {
		key, end, sound := memberText(line, i)
		if i = jsontext.SkipSpace(line, end); !sound || line[i] != ':' {
			return "", false
		}
		i = jsontext.SkipSpace(line, i+1)
		end, sound = jsontext.SkipValue(line, i)
		if !sound || end == i {
			return "", false
		}
		if key == path[0] {
			if found {
				return "", false
			}
			found = true
			switch {
			case len(path) > 1:
				model, sound = modelAt(line[i:end], path[1:], integer)
			case integer && line[i] != '"':
				model, sound = string(line[i:end]), isDigits(line[i:end])
			default:
				model, _, sound = memberText(line, i)
			}
			if !sound || checkNameString(model) != faultNone {
				return "", false
			}
		}
		if i = jsontext.SkipSpace(line, end); line[i] == ',' {
			i = jsontext.SkipSpace(line, i+1)
		} else if i != len(line)-1 {
			return "", false
		}
	}
	return model, model != ""
}

// isDigits tells whether a value is an integer as it is written.
func isDigits(value []byte) bool {
	digits := bytes.TrimPrefix(value, []byte("-"))
	return len(digits) > 0 && len(bytes.Trim(digits, "0123456789")) == 0
}

// memberText returns the text of the string at i and the index behind it. It is not sound where there is none.
func memberText(b []byte, i int) (text string, end int, sound bool) {
	if b[i] != '"' {
		return "", i, false
	}
	if end, sound = jsontext.SkipString(b, i); !sound {
		return "", i, false
	}
	if quoted := b[i:end]; bytes.IndexByte(quoted, '\\') >= 0 {
		return text, end, json.Unmarshal(quoted, &text) == nil
	}
	return string(b[i+1 : end-1]), end, true
}
