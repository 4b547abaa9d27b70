package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/httpapi"
)

// nearCommands returns the commands that a mistyped one may have meant: below cmd, or one level further down, with what stands before.
func nearCommands(cmd *cobra.Command, typed string) []string {
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(typed)
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.HasSubCommands() && sub.Name() != "completion" {
			sub.SuggestionsMinimumDistance = 2
			for _, name := range sub.SuggestionsFor(typed) {
				near = append(near, sub.Name()+" "+name)
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
		if httpapi.LooksLike(unknown.GetSpecifiedName(), flag.Name) {
			near = append(near, "--"+flag.Name)
		}
	})
	if len(near) == 0 {
		return &usageError{err}
	}
	return usagef("%w; did you mean %s?", err, strings.Join(near, " or "))
}
