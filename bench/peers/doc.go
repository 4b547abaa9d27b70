//go:build linux

// Peers measures Residual against what a user would pick instead: ClickHouse and DuckDB, in their newest versions, on the same
// machine, with the same file and the same questions, one after the other in alternation. It writes bench/RESULTS.md.
//
// A run of one engine loads a file of events into an empty directory, settles it, opens it again and asks. The
// questions are the tutorial's two queries: Residual answers them over HTTP and from the library, the peers get their
// SQL as it stands there, with now() put at the end of the data. Before any time of a run counts, its answers are
// compared with those of the engine that was first: counts and periods must be equal and floats within 1e-12 of each
// other, or the whole program fails.
//
// The peers run in processes of node, which the program drives over a pipe. It installs them with npm into the cache folder, at
// the versions that node/package.json pins. Without npm or node, or where a package cannot be had, it says so
// and measures what is there. Processes are measured through /proc, so it needs Linux.
//
// Every sample is kept in samples.json in the cache folder, from which -render writes the report again.
package main
