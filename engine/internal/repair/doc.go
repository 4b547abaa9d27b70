// Package repair reads a store that is not open, to say what is damaged in it or to make one of it that opens again. What it
// promises is documented with engine.Verify and engine.Salvage.
//
// [Verify] only reads, and reports all damage. [Salvage] restores the id and the manifest first, without which nothing else can
// be judged, then verifies, has the log salvaged, and commits a manifest without what is damaged. Each step is durable before
// the next one, so that it can be repeated after a crash. Both are for one goroutine, and for a directory that no other process
// writes to. An error is for what could not be read or made, or what is to be set right without a loss: files of another store or
// of a newer version.
package repair
