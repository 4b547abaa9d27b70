package event

import (
	"fmt"
	"math"
	"time"

	"github.com/residualdb/residual/internal/columns"
)

type (
	// Text is a column of byte strings in one arena of at most [TextBytesMax] bytes.
	Text = columns.Text

	// Bitmap is a column of bits.
	Bitmap = columns.Bitmap
)

// Batch is the predictions of one request in columns, and what was rejected beside them. Row i is element i of each
// column. A Batch is for one goroutine at a time; the zero Batch is empty and ready.
type Batch struct {
	// Series are distinct and in the order of their first row; SeriesOf holds one index into them per row.
	Series   []Series
	SeriesOf []uint32

	// Timestamps are Unix milliseconds, UTC.
	Timestamps []int64

	// Predicted is finite, and so is Actual, which is 0 where Known is not set: such a row waits for its actual.
	Predicted []float64
	Actual    []float64
	Known     Bitmap

	IDs      Text
	Features Text // JSON texts, as stored

	// Rejects are the first RejectsMax rejected lines; Rejected counts all.
	Rejects  []Reject
	Rejected Counts

	index seriesIndex
	check checker // of Add
}

// Len returns the number of rows.
func (b *Batch) Len() int { return len(b.Timestamps) }

// Reset empties the batch and keeps its memory. Views into its columns end here; kept [Reject] values stay valid.
func (b *Batch) Reset() {
	clear(b.Series)
	b.Series = b.Series[:0]
	b.index.reset()
	b.SeriesOf = b.SeriesOf[:0]
	b.Timestamps = b.Timestamps[:0]
	b.Predicted = b.Predicted[:0]
	b.Actual = b.Actual[:0]
	b.Known.Reset()
	b.IDs.Reset()
	b.Features.Reset()
	clear(b.Rejects)
	b.Rejects = b.Rejects[:0]
	b.Rejected = Counts{}
}

// Add checks an event against the rules of the data source and appends it. The error is a *[Reject] that names column
// and reason, or [ErrTooLarge]; the batch is then as it was.
func (b *Batch) Add(e Event, rules Rules) error {
	if c, f := b.check.event(&e, &rules); f != faultNone {
		return &Reject{Column: c.String(), Code: f.code(), Reason: f.reason()}
	}
	if err := b.reserve(len(e.PredictionID) + len(e.Features)); err != nil {
		return err
	}
	actual := e.ActualValue
	if !e.HasActual {
		actual = 0
	}
	s := Series{Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment}
	b.SeriesOf = append(b.SeriesOf, b.seriesIndex(s, s.hash()))
	b.appendCells(e.Timestamp.UnixMilli(), e.PredictedValue, actual, e.HasActual)
	b.IDs.AppendString(e.PredictionID)
	b.Features.AppendString(e.Features)
	return nil
}

// Event returns row i as a value of its own.
func (b *Batch) Event(i int) Event {
	s := b.Series[b.SeriesOf[i]]
	return Event{
		Timestamp:      time.UnixMilli(b.Timestamps[i]).UTC(),
		ModelID:        s.Model,
		PredictionID:   string(b.IDs.At(i)),
		Features:       string(b.Features.At(i)),
		PredictedValue: b.Predicted[i],
		ActualValue:    b.Actual[i],
		HasActual:      b.Known.Get(i),
		ModelVersion:   s.Version,
		Environment:    s.Environment,
	}
}

// appendCells appends the cells of a row that have a fixed width, but its series; the caller appends that and its
// texts.
func (b *Batch) appendCells(ms int64, predicted, actual float64, known bool) {
	b.Known.Append(len(b.Timestamps), known)
	b.Timestamps = append(b.Timestamps, ms)
	b.Predicted = append(b.Predicted, predicted)
	b.Actual = append(b.Actual, actual)
}

// addRow implements sink.
func (b *Batch) addRow(d *Decoder) {
	r := &d.row
	known := r.given&colActual.bit() != 0
	if !known {
		r.actual = 0
	}
	d.series.addTo(b, r)
	b.appendCells(r.time, r.predicted, r.actual, known)
	b.IDs.Append(r.text[colID])
	b.Features.Append(r.text[colFeatures])
}

// rejects implements sink.
func (b *Batch) rejects() rejects { return rejects{kept: &b.Rejects, counts: &b.Rejected} }

// reserve implements sink.
func (b *Batch) reserve(textBytes int) error {
	return reserveText(max(len(b.IDs.Bytes), len(b.Features.Bytes)), textBytes)
}

// event returns the first column at fault, in the order of the schema.
func (k *checker) event(e *Event, rules *Rules) (column, fault) {
	if f := rules.check(e.Timestamp.UnixMilli()); f != faultNone {
		return colTimestamp, f
	}
	if f := checkNameString(e.ModelID); f != faultNone {
		return colModel, f
	}
	if f := checkNameString(e.PredictionID); f != faultNone {
		return colID, f
	}
	if f := k.featuresString(e.Features); f != faultNone {
		return colFeatures, f
	}
	if !isFinite(e.PredictedValue) {
		return colPredicted, faultNotFinite
	}
	if e.HasActual && !isFinite(e.ActualValue) {
		return colActual, faultNotFinite
	}
	if f := checkNameString(e.ModelVersion); f != faultNone {
		return colVersion, f
	}
	if f := checkNameString(e.Environment); f != faultNone {
		return colEnvironment, f
	}
	return rules.ofModel(e.ModelID, e.Timestamp.UnixMilli())
}

// reserveText fails if a column of so many bytes cannot take so many more.
func reserveText(size, more int) error {
	if uint64(size)+uint64(more) > TextBytesMax {
		return fmt.Errorf("%w: more than %d bytes of text", ErrTooLarge, uint64(TextBytesMax))
	}
	return nil
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
