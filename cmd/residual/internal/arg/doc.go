// Package arg reads what stands on a command line and in the environment: values of flags (sizes, times, choices, retention), the variables that
// set flags, and what must not be given together.
//
// What is not understood is a [UsageError], after which the program exits with 2; its text says what is allowed. Values hold no locks: they are
// set before a command runs, and read by it.
package arg
