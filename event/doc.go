// Package event turns the bytes of a request into predictions in columns.
//
// A [Batch] is the predictions of one request: one slice per column, strings in arenas ([Text]), model, version and
// environment resolved to a [Series] once. A [Decoder] fills it from NDJSON, one JSON object or an array of objects; an
// embedder without JSON fills it with [Batch.Add]. [Actuals] is the same for actual values that arrive later.
//
// Decoding is strict. A line is a row or a [Reject] that names column, code and reason; it is never half taken, guessed
// at or repaired, and never costs another line its row. Numbers are the float64 nearest to their text, to the bit, -0
// and subnormals included. docs/events.md lists what is accepted and every reason for a rejection.
//
// A Decoder, a Batch and an Actuals are each for one goroutine at a time. Nothing in a batch points into the body that
// it was decoded from, and the memory of a batch is its own: views such as [Text.At] are valid until its Reset, a
// [Reject] for as long as it is kept.
//
// A bad line is not an error. [Decoder.Decode] fails only as a whole, with [ErrMalformed] or [ErrTooLarge], and then
// leaves the batch as it was.
package event
