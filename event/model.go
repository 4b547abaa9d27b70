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
	line = bytes.Trim(line, " \t\r\n")
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
		if key == colModel.String() {
			if model != "" {
				return "", false
			}
			if model, _, sound = memberText(line, i); !sound || checkNameString(model) != faultNone {
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
