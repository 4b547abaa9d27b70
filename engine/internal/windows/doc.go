// Package windows lays out in time what is asked about: a recent window and what it is held against, and the buckets of a series over time.
//
// A [Layout] is the windows of one moment. Its recent window may reach back further for some than for others, see [Layout.Reaching], and
// the others follow it. Weeks are counted by the clock of a zone, so that the same hours of the week before are those that the clock
// showed then, also where it was changed in between.
//
// An [Interval] says how long buckets are. They begin at the marks of the clock of a zone, and [Buckets] cuts a window at them.
//
// A Layout is a value, and no method changes it. The errors are of class [base.ErrQuery].
package windows
