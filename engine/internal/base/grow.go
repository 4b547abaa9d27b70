package base

// Grown returns s with length n, reusing its memory.
func Grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
