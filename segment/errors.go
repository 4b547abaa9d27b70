package segment

import "errors"

var (
	// ErrCorrupt is returned when stored bytes contradict themselves: a checksum, a length, an order or a value that no
	// writer produces.
	ErrCorrupt = errors.New("segment: corrupt")

	// ErrVersion is returned when the bytes are a segment of a format version that this program does not read.
	ErrVersion = errors.New("segment: unknown version")

	// ErrInvalid is returned when rows handed to a [Builder] break its preconditions: unsorted, out of their month, not
	// finite, too long.
	ErrInvalid = errors.New("segment: invalid rows")
)
