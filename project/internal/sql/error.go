package sql

import (
	"fmt"
	"unicode/utf8"
)

// Error is something wrong with a statement.
type Error struct {
	// At is the place in the text, in bytes.
	At int
	// Text says what is wrong, Advice what to do about it; Advice may be empty.
	Text, Advice string
}

func (e *Error) Error() string {
	if e.Advice == "" {
		return e.Text
	}
	return e.Text + ": " + e.Advice
}

// Errorf makes an error with a text in the manner of fmt.Sprintf.
func Errorf(at int, advice, format string, args ...any) *Error {
	return &Error{At: at, Text: fmt.Sprintf(format, args...), Advice: advice}
}

// shownMax is how many bytes of a text stand in an error.
const shownMax = 60

// Shown is a part of a statement for an error.
func Shown(text string) string {
	if len(text) > shownMax {
		text = text[:shownMax]
		for !utf8.ValidString(text) && len(text) > shownMax-utf8.UTFMax {
			text = text[:len(text)-1]
		}
		text += "…"
	}
	return fmt.Sprintf("%q", text)
}
