package base

// Grown returns s with length n, reusing its memory.
func Grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// Fitted is [Grown] with less room to spare, for memory that may stay with what is in it.
func Fitted[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/16)
	}
	return s[:n]
}
