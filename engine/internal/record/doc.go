// Package record is the codec of log records: one request, whole, as bytes and back. The bytes are described in
// docs/format-pack.md. Encoders and decoders own memory that they use again, and are for one goroutine at a time. What does
// not decode is an error of class corrupt, what a later version has written one of class version.
package record
