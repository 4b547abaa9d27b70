package event

import "errors"

var (
	// ErrMalformed is returned when a body with format=json is, as a whole, not
	// one JSON object or one JSON array. No row of it was taken.
	ErrMalformed = errors.New("event: malformed body")

	// ErrTooLarge is returned when a batch would outgrow its columns' arenas.
	// No row of the body was taken.
	ErrTooLarge = errors.New("event: batch too large")
)
