// Package record is the codec of log records: one request, whole, as bytes and back.
//
// A [Record] is a batch of predictions, one of actuals, or a deletion, with what was rejected of the request, when it came and
// under which idempotency key. [Encoder.Encode] makes the payload of a log record of it, whose type is [Record.Kind];
// [Decoder.Decode] is the inverse, and reads the types of earlier versions as well. Numbers go as they are; text, which is most of
// a row, is compressed as one block. The bytes are described in docs/format-pack.md.
//
// Encoders and decoders own memory that they use again: each is for one goroutine at a time, and what it returns lives until its
// next call. Before a decoder allocates for a
// count or a length it holds it against the bytes that are left; text may be 512 MiB once decompressed. What does not decode is
// an error of class corrupt, what a later version has written one of class version.
package record
