// Package golden has what tests of formats share: files of bytes that a format has always had, against which what is written
// today is held, and a bound on what a decoder allocates. Golden files are in testdata/v1 of the package under test, as text in
// hexadecimal; -rewrite writes them anew, which only a new version of a format may need. It is for tests, one goroutine at a
// time.
package golden
