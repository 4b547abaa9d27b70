// Command mutants plants bugs, one at a time, and holds that the tests find each. A bug that no test finds is a hole in the
// tests.
//
// A mutant is a piece of source text and what it becomes. The piece is found as Go reads it, in whichever file of the folder
// or of one below it stands: layout, comments, the case of the first letter of a name and the name of one of this module's
// packages before it do not count, and the replacement is spelled as its new surroundings are. So a function may be moved
// with its mutants. A piece that is not found exactly once fails the run, and so does a mutant that does not compile.
//
// The go command is given the changed file as an overlay: nothing in the tree is touched.
//
//	go run ./internal/testing/mutants            all of them
//	go run ./internal/testing/mutants -run sync  those whose name matches
//	go run ./internal/testing/mutants -build     whether they compile
package main
