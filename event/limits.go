package event

import "math"

// The bounds of the data source. Each is inclusive: a value at the bound is
// accepted, one past it is rejected.
const (
	// LineBytesMax bounds one line, or one event however it is laid out: what
	// one bad line can cost is bounded by it.
	LineBytesMax = 1 << 20

	// NameBytesMax bounds model_id, prediction_id, model_version and
	// environment, counted after unescaping.
	NameBytesMax = 256

	// FeaturesBytesMax bounds the stored text of features.
	FeaturesBytesMax = 64 << 10

	// DepthMax bounds how deep objects and arrays nest. The object of the event
	// itself is depth 1, and so is the outermost value of a features text.
	DepthMax = 32

	// RawBytesMax bounds the copy of a line that a [Reject] keeps; a longer line
	// is cut there and ends in [RawMarker].
	RawBytesMax = 64 << 10

	// RejectsMax bounds the rejects that one batch keeps. Further ones are
	// counted only (see [Counts]), so that a body of one-byte lines cannot cost
	// many times its own size.
	RejectsMax = 1 << 16

	// TextBytesMax bounds the arena of a [Text].
	TextBytesMax = math.MaxUint32
)

// RawMarker ends a [Reject.Raw] that was cut at [RawBytesMax].
const RawMarker = "...(cut)"
