// Package base has what the rooms of the engine share: the classes of errors, spans of time and months, and the answer
// that the rows of a window add up to. It holds no state; everything in it is safe for concurrent use but for the values
// that a caller owns.
package base
