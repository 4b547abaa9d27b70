// Command mutants plants bugs, one at a time, and holds that the tests find each. A bug that no test finds is a hole in the
// tests.
//
// A mutant is a piece of source text and what it becomes. The go command is given the changed file as an overlay: nothing in
// the tree is touched. A piece that is not in its file exactly once fails the run, and so does a mutant that does not
// compile: the table follows the code.
//
//	go run ./internal/testing/mutants            all of them
//	go run ./internal/testing/mutants -run sync  those whose name matches
package main
