package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// readEnvironment sets each flag that the command line left alone from its variable, if there is one.
func readEnvironment(flags *pflag.FlagSet, env func(string) (string, bool)) error {
	var faults []error
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed || flag.Name == "help" {
			return
		}
		name := variable(flag.Name)
		if value, ok := env(name); ok {
			if err := flags.Set(flag.Name, value); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	if err := errors.Join(faults...); err != nil {
		return &usageError{err}
	}
	return nil
}

// variable is the name of the environment variable for a flag.
func variable(flag string) string {
	return "RESIDUAL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
