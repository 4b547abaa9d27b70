// Package memory tells what tests and benchmarks ask about memory: what the heap of this process holds, and what a
// process occupies as the system counts. Where the system does not tell, there is an error.
package memory
