// Package freelist keeps memory between uses, the last used first.
//
// A [sync.Pool] lets go of what two collections found unused, and each processor keeps some of its own. While a heap is
// small and grows there are several collections a second, so that large buffers are made anew all the time, and grow
// from nothing again. A [List] holds as many as were in use at once within the last one or two seconds, however many
// collections there are, and hands out the one that is still in the processor's cache. It is for few and large values;
// what is to go when memory is short stays in a Pool.
package freelist
