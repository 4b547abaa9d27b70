// Package admission bounds what requests may hold of a server at one time.
//
//	Quota   requests a second of one caller
//	Memory  the heap that the last collection left alive
//	Slots   requests inside the store
//	Bytes   bytes that requests hold: of bodies in flight, of long answers
//
// The connections are bounded by package conn, the time of a batch by the store. Only Slots wait, and only as long as their
// caller says. All types are safe for concurrent use, but for [Charge] and [Provisional], which belong to one request.
package admission
