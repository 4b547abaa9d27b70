// Package clock tells the time by which the store forgets: the trusted clock, which follows the wall clock and does not believe
// each of its readings. [Clock] says how much of a jump it believes, and when.
//
// A Clock is safe for concurrent use. Nothing fails.
package clock
