//go:build !race

package race

// Share is of how many cases of a sweep one is tried.
const Share = 1
