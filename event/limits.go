package event

import (
	"errors"
	"math"
)

// The bounds of the data source. Each is inclusive: a value at the bound is accepted, one past it is rejected.
const (
	// LineBytesMax bounds one line, or one event however it is laid out: what one bad line can cost is bounded by it.
	LineBytesMax = 1 << 20

	// NameBytesMax bounds model_id, prediction_id, model_version and environment, counted after unescaping.
	NameBytesMax = 256

	// FeaturesBytesMax bounds the stored text of features.
	FeaturesBytesMax = 64 << 10

	// DepthMax bounds how deep objects and arrays nest. The object of the event itself is depth 1, and so is the
	// outermost value of a features text.
	DepthMax = 32

	// RawBytesMax bounds the copy of a line that a [Reject] keeps; a longer line is cut there and ends in [RawMarker].
	RawBytesMax = 64 << 10

	// RejectsMax bounds the rejects that one batch keeps. Further ones are counted only (see [Counts]), so that a body
	// of one-byte lines cannot cost many times its own size.
	RejectsMax = 1 << 16

	// TextBytesMax bounds the arena of a [Text].
	TextBytesMax = math.MaxUint32
)

// RawMarker ends a [Reject.Raw] that was cut at [RawBytesMax].
const RawMarker = "...(cut)"

// The range of a ClickHouse DateTime in Unix milliseconds: 1970-01-01 00:00:00 to 2106-02-07 06:28:15.999. It holds
// whatever the [Rules] say.
const (
	timeFirst int64 = 0
	timeLast  int64 = (1<<32-1)*1000 + 999
)

// Rules are the bounds that a request is held to beside those of the data source: they move with the server's clock and
// retention, and with who sends. The zero Rules bound nothing beyond the range of a DateTime.
type Rules struct {
	// Oldest and Newest are the first and the last accepted timestamp, in Unix milliseconds, both inclusive.
	Oldest, Newest int64
	// Kept returns the first accepted timestamp of a model where models differ, which is not before Oldest, nor after
	// KeptByAll: it is asked about sound rows before that alone, so that the others cost nothing. Nil: Oldest is that of
	// every model.
	Kept      interface{ OldestOf(model string) int64 }
	KeptByAll int64
	// Within matches the models that the sender may send, nil for every one. It is asked last, about rows that are sound.
	Within interface{ Matches(model string) bool }
}

// noTime stands for the timestamp of a row that has none: no bound of time holds for it.
const noTime int64 = math.MaxInt64

// ofModel returns colNone for a sound row that the bounds of its model let through. How long a model is kept shows to those
// alone who may send it.
func (r *Rules) ofModel(model string, ms int64) (column, fault) {
	if r.Within != nil && !r.Within.Matches(model) {
		return colModel, faultBound
	}
	if ms < r.KeptByAll && r.Kept != nil && ms < r.Kept.OldestOf(model) {
		return colTimestamp, faultTooOld
	}
	return colNone, faultNone
}

// check returns faultNone for a timestamp inside the rules.
func (r Rules) check(ms int64) fault {
	oldest, newest := timeFirst, timeLast
	if r.Oldest != 0 || r.Newest != 0 {
		oldest, newest = max(oldest, r.Oldest), min(newest, r.Newest)
	}
	switch {
	case ms < oldest:
		return faultTooOld
	case ms > newest:
		return faultTooNew
	}
	return faultNone
}

var (
	// ErrMalformed is returned when a body with format=json is, as a whole, not one JSON object or one JSON array. No
	// row of it was taken.
	ErrMalformed = errors.New("event: malformed body")

	// ErrTooLarge is returned when a batch would outgrow its columns' arenas. No row of the body was taken.
	ErrTooLarge = errors.New("event: batch too large")
)
