package arg

import (
	"fmt"

	"github.com/spf13/cobra"
)

// UsageError is a command line that is not understood.
type UsageError struct{ err error }

// Error says what is not understood.
func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap returns what it is made of.
func (e *UsageError) Unwrap() error { return e.err }

// Usagef returns an error of a command line that is not understood.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// AsUsage makes an error one of a command line that is not understood.
func AsUsage(err error) error { return &UsageError{err} }

// None is for a command that takes no arguments beside its flags.
func None(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no arguments, and got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// Exactly is for a command that needs arguments, which are so named in what it says.
func Exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return Usagef("%s needs %s", cmd.CommandPath(), names[len(args)])
		}
		if len(args) > len(names) {
			return Usagef("%s does not know what to do with %q", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// AtMost is for a command that may be given one argument.
func AtMost(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return Exactly(name)(cmd, args)
	}
}
