package columns

import "slices"

// Resize sets *s to n elements in the memory that it has, or in new memory if that is too small, and returns it. The
// elements mean nothing.
func Resize[S ~[]E, E any](s *S, n int) S {
	*s = slices.Grow((*s)[:0], n)[:n]
	return *s
}
