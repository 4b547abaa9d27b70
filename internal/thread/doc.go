// Package thread runs long work where it does not keep short work waiting.
//
// The Go scheduler knows no priorities, and a goroutine keeps its processor for up to 10 ms; the operating system lets
// a thread that just woke run before one of lower priority at once. A [Background] therefore runs functions on threads
// of its own that give way to all others. It pays for functions of a good part of a millisecond: handing one over and
// back costs two switches of threads.
//
// At once is a millisecond later now and then: the kernel does not stop a thread inside of it, and what woke on a busy
// processor waits. With [Spare] such threads leave a processor altogether.
//
// On systems other than Linux the threads are as all others.
package thread
