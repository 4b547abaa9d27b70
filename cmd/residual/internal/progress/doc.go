// Package progress shows on a terminal how far a command has come.
//
// A [Bar] goes up to a total, or on where none is known; [Rows] has the rows beside it, [Bytes] counts bytes. A bar that nobody is likely to look at
// is not drawn, and otherwise behaves the same. What fails is drawing, and is no error of the command. Bars are safe for concurrent use but for
// [Rows.Before] and [Bar.Finish].
package progress
