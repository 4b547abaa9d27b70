// Package negotiate finds out in which form a client wants an answer, and puts it into that: which content coding (RFC 9110, section
// 12.5.3), and whether it has the answer already (section 13.1.2).
//
// Everything is safe for concurrent use but a [Writer], which is for one goroutine.
package negotiate
