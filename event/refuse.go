package event

import (
	"encoding/json"
	"time"
)

// Refuse returns what is left of the batch when rows are refused that decoded well, and leaves the batch as it is. codes
// holds a code for each row: CodeNone for one that stays, else one of the codes for what a store has too many of. A
// refused row becomes a reject behind those of the lines, with the line it could have come in and without a number:
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
