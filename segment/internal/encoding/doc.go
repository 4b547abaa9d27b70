// Package encoding stores columns of integers, floats, texts and bits, each in the cheapest of its forms, and reads them
// back to the bit.
//
// Integers are stored as differences or offsets in as few bits as they need, with patches for outliers (ints.go); floats
// as decimals or bit patterns, the actual against the predicted where that is smaller (floats.go); texts as one value, a
// dictionary, hexadecimal digits, shapes with a column for each part that varies, or zstd (texts.go). No form depends on
// what was stored before, nor on a text being JSON.
//
// An [Encoder] appends to the caller's slice and keeps nothing of it, nor of the column. A [Decoder] trusts no byte: a
// length is held against the bytes left, or a bound, before memory is made for it, and the first fault stays in the
// [columns.Cursor], after which what was decoded means nothing. The caller knows how many rows there are; they are not
// stored here. Both are for one goroutine at a time.
package encoding
