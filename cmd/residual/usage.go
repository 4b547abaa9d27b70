package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/internal/spelling"
)

// The exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

func exitCode(err error) int {
	var usage *arg.UsageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	default:
		return exitFailure
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
		return arg.AsUsage(err)
	}
	var near []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		literal := strings.HasSuffix(flag.Name, ".eq") // the one without it is what is meant
		if !literal && spelling.LooksLike(unknown.GetSpecifiedName(), flag.Name) {
			near = append(near, "--"+flag.Name)
		}
	})
	if len(near) == 0 {
		return arg.AsUsage(err)
	}
	return arg.Usagef("%w; did you mean %s?", err, strings.Join(near, " or "))
}
