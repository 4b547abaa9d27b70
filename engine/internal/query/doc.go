// Package query adds up windows: which series a request means, and what the rows of each window of theirs come to. Whole
// leaves, blocks and nodes of the aggregate tree are taken as they are, rows are read only at the edges of a window.
//
// [Queries] is safe for concurrent use. A model is locked for reading while its rows are added up, one model at a time.
package query
