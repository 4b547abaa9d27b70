// Package arch holds the import table of the module, and the test that keeps it.
//
// Residual is a line of rooms: cmd -> httpapi -> engine -> segment, wal and event. Nothing points back, and each room names the
// third-party packages it may use. The test parses the imports itself instead of asking the go command, so that its result
// depends on the files alone.
package arch
