// Package retention tells how long the rows of each model are kept: by the rule of its name, of the longest prefix, or of all.
//
// A [Table] never changes, and is safe for concurrent use. Rows are kept by whole months: [KeptFrom] is the start of the first that is kept.
package retention
