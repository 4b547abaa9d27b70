// Package thread runs long work where it does not keep short work waiting.
//
// The Go scheduler knows no priorities, and a goroutine keeps its processor for up to 10 ms; the operating system lets
// a thread that just woke run before one of lower priority at once. A [Background] therefore runs functions on threads
// of its own that give way to all others. It pays for functions of a good part of a millisecond: handing one over and
// back costs two switches of threads.
//
// On systems other than Linux the threads are as all others.
package thread
