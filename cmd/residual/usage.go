package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/internal/spelling"
)

// The exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

// usageError is a command line that is not understood.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	default:
		return exitFailure
	}
}

// noArguments and exactly check what stands beside the flags, with errors that count as usage.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, and got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usagef("%s needs %s", cmd.CommandPath(), names[len(args)])
		}
		if len(args) > len(names) {
			return usagef("%s does not know what to do with %q", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// atMost is for a command that may be given one argument.
func atMost(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactly(name)(cmd, args)
	}
}

// nearCommands returns the commands that a mistyped one may have meant, those that are nearest: below cmd, or one level further down,
// with what stands before.
func nearCommands(cmd *cobra.Command, typed string) (near []string) {
	for letters := 1; letters <= 2 && len(near) == 0; letters++ {
		cmd.SuggestionsMinimumDistance = letters
		near = cmd.SuggestionsFor(typed)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.HasSubCommands() && sub.Name() != "completion" {
				sub.SuggestionsMinimumDistance = letters
				for _, name := range sub.SuggestionsFor(typed) {
					near = append(near, sub.Name()+" "+name)
				}
			}
		}
	}
	return near
}

// suggestFlag names the flags that an unknown one looks like.
func suggestFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return &usageError{err}
	}
	var near []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		literal := strings.HasSuffix(flag.Name, ".eq") // the one without it is what is meant
		if !literal && spelling.LooksLike(unknown.GetSpecifiedName(), flag.Name) {
			near = append(near, "--"+flag.Name)
		}
	})
	if len(near) == 0 {
		return &usageError{err}
	}
	return usagef("%w; did you mean %s?", err, strings.Join(near, " or "))
}
