package connector

import "errors"

// advised is an error and what an operator can do about it.
type advised struct {
	error
	advice string
}

// Error returns the error and the advice.
func (a *advised) Error() string { return a.error.Error() + ": " + a.advice }

// Unwrap returns the error without the advice.
func (a *advised) Unwrap() error { return a.error }

// Advise adds to an error what an operator can do about it.
func Advise(err error, advice string) error { return &advised{err, advice} }

// Advice returns what an operator can do about an error, "" if nobody said.
func Advice(err error) string {
	if a, ok := errors.AsType[*advised](err); ok {
		return a.advice
	}
	return ""
}
