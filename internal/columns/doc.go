// Package columns has the containers that rows travel in between packages, and the reader of the bytes they are stored
// as: [Text], a column of byte strings in one arena; [Bitmap], a column of bits; [Cursor], which reads fields off a byte
// slice and keeps the first error.
//
// None of them is safe for concurrent use: a value belongs to one goroutine at a time, or is shared by readers once
// nothing changes it any more. Text and Bitmap check nothing beyond what Go checks; a Cursor is made for bytes that
// nobody vouches for and never reads past their end.
package columns
