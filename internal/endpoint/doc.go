// Package endpoint is what a server and the pipes of a project know of each other: who serves them asks a [Set] and does not know
// how it answers, who answers does not know HTTP.
//
// A Set is checked and does not change: a server swaps one for another. Its methods are safe for concurrent use.
package endpoint
