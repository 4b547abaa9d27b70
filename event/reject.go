package event

import (
	"encoding/json"
	"strconv"
	"time"
)

// Code is the class of a fault, for counters and for callers that branch. The set is closed; its texts are stable.
type Code uint8

// The codes. docs/events.md lists every reason under its code. Their numbers are stored, in records of the log and in lists
// of the quarantine: a new code comes last, before codeCount.
const (
	CodeNone          Code = iota
	CodeSyntax             // not JSON
	CodeUTF8               // invalid UTF-8 or a lone surrogate
	CodeControl            // a raw control character inside a string
	CodeDepth              // nested too deep
	CodeDuplicate          // a key twice in one object
	CodeType               // JSON, but of another type than the column's
	CodeMissing            // a required column is absent or null
	CodeNumber             // not a JSON number, or beyond the range of a float64
	CodeTimestamp          // not in an accepted format
	CodeTooOld             // before the oldest accepted timestamp
	CodeTooNew             // after the newest accepted timestamp
	CodeName               // a name that is empty, too long or holds control characters
	CodeFeatures           // features that are not JSON or too long
	CodeLineTooLong        // a line beyond LineBytesMax
	CodeOrphan             // an actual whose prediction did not come in time, or while there was room for it
	CodeTooManyModels      // a new model beyond what the store may have
	CodeTooManySeries      // a new series beyond what a model may have
	CodeTooManyMonths      // a new month beyond what the store may have
	CodeOtherModel         // a model that the sender may not send
	codeCount
)

var codeNames = [codeCount]string{
	CodeNone:        "none",
	CodeSyntax:      "syntax",
	CodeUTF8:        "utf8",
	CodeControl:     "control",
	CodeDepth:       "depth",
	CodeDuplicate:   "duplicate_key",
	CodeType:        "type",
	CodeMissing:     "missing",
	CodeNumber:      "number",
	CodeTimestamp:   "timestamp",
	CodeTooOld:      "too_old",
	CodeTooNew:      "too_new",
	CodeName:        "name",
	CodeFeatures:    "features",
	CodeLineTooLong: "line_too_long",
	CodeOrphan:      "orphan",

	CodeTooManyModels: "too_many_models",
	CodeTooManySeries: "too_many_series",
	CodeTooManyMonths: "too_many_months",
	CodeOtherModel:    "other_model",
}

// String returns the stable name of the code.
func (c Code) String() string {
	if c >= codeCount {
		return "code(" + strconv.Itoa(int(c)) + ")"
	}
	return codeNames[c]
}

// Counts counts rejected lines by code.
type Counts [codeCount]int

// Total returns the number of rejected lines.
func (c *Counts) Total() int {
	total := 0
	for _, n := range c {
		total += n
	}
	return total
}

// Reject says why one line is not a row: the first fault found, reading from left to right, a missing column last. It
// is an error for the sake of [Batch.Add].
//
//nolint:errname // it is a value of a batch first, and an error of Add only
type Reject struct {
	// Line is the number of the line in the body, from 1, empty lines counted; in an array of events, the position of
	// the element, from 1. It is 0 from [Batch.Add].
	Line int

	// Column is the column at fault, or empty if the fault is in none of them.
	Column string

	Code Code

	// Reason is the text of the fault, one of a closed set.
	Reason string

	// Raw is a copy of the line, cut at [RawBytesMax]. It is nil from [Batch.Add].
	Raw []byte

	// Place says where the line came from, if that was no request: a message of a topic, a line of an object. Decoders leave it
	// empty.
	Place string
}

// Error returns column and reason.
func (r *Reject) Error() string {
	if r.Column == "" {
		return "event: " + r.Reason
	}
	return "event: " + r.Column + ": " + r.Reason
}

// rejects collects what one body had rejected.
type rejects struct {
	kept   *[]Reject
	counts *Counts
}

// add counts a fault, and keeps it with a copy of its line while there is room.
func (r rejects) add(line int, c column, f fault, raw []byte) {
	r.counts[f.code()]++
	if len(*r.kept) >= RejectsMax {
		return
	}
	*r.kept = append(*r.kept, Reject{
		Line: line, Column: c.String(), Code: f.code(), Reason: f.reason(), Raw: copyRaw(raw),
	})
}

// copyRaw copies a line, without the end of it beyond RawBytesMax.
func copyRaw(raw []byte) []byte {
	if len(raw) <= RawBytesMax {
		return append([]byte(nil), raw...)
	}
	c := make([]byte, 0, RawBytesMax+len(RawMarker))
	return append(append(c, raw[:RawBytesMax]...), RawMarker...)
}

// Refuse returns what is left of the batch when rows are refused that decoded well, and leaves the batch as it is.
// codes holds a code for each row: CodeNone for one that stays, else one of the codes for what a store has too many of.
// A refused row becomes a reject behind those of the lines, with the line it could have come in and without a number:
// the batch does not know where it stood.
func (b *Batch) Refuse(codes []Code) *Batch {
	left := &Batch{Rejects: append([]Reject(nil), b.Rejects...), Rejected: b.Rejected}
	to := rejects{kept: &left.Rejects, counts: &left.Rejected}
	const unknown = ^uint32(0)
	series := make([]uint32, len(b.Series))
	for i := range series {
		series[i] = unknown
	}
	for row, code := range codes {
		if code != CodeNone {
			to.refuse(b, row, code)
			continue
		}
		s := b.SeriesOf[row]
		if series[s] == unknown {
			series[s] = uint32(len(left.Series))
			left.Series = append(left.Series, b.Series[s])
		}
		left.SeriesOf = append(left.SeriesOf, series[s])
		left.appendCells(b.Timestamps[row], b.Predicted[row], b.Actual[row], b.Known.Get(row))
		left.IDs.Append(b.IDs.At(row))
		left.Features.Append(b.Features.At(row))
	}
	return left
}

func (r rejects) refuse(b *Batch, row int, code Code) {
	c, f := colModel, faultModels
	switch code {
	case CodeTooManyModels:
	case CodeTooManySeries:
		c, f = colVersion, faultSeries
	case CodeTooManyMonths:
		c, f = colTimestamp, faultMonths
	default:
		panic("BUG: a row is refused as " + code.String())
	}
	var line []byte
	if len(*r.kept) < RejectsMax {
		line = b.line(row)
	}
	r.add(0, c, f, line)
}

// line returns a row as the line it could have come in.
func (b *Batch) line(row int) []byte {
	e := b.Event(row)
	var actual *float64
	if e.HasActual {
		actual = &e.ActualValue
	}
	line, err := json.Marshal(struct {
		Timestamp   string   `json:"timestamp"`
		Model       string   `json:"model_id"`
		ID          string   `json:"prediction_id"`
		Features    string   `json:"features"`
		Predicted   float64  `json:"predicted_value"`
		Actual      *float64 `json:"actual_value"`
		Version     string   `json:"model_version"`
		Environment string   `json:"environment"`
	}{
		e.Timestamp.Format(time.DateTime + ".000"), e.ModelID, e.PredictionID, e.Features, e.PredictedValue, actual,
		e.ModelVersion, e.Environment,
	})
	if err != nil {
		panic("BUG: a row that is no JSON: " + err.Error())
	}
	return line
}
