package main

import (
	"fmt"
	"slices"
	"strings"
)

// choice is a flag with a closed set of values, the first of which is the default.
type choice struct {
	value   string
	allowed []string
}

func oneOf(allowed ...string) *choice { return &choice{allowed[0], allowed} }

// String returns the value.
func (c *choice) String() string { return c.value }

// Set takes a value of the set.
func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		return fmt.Errorf("one of %s is allowed", strings.Join(c.allowed, ", "))
	}
	c.value = value
	return nil
}

// Type returns the set, for the help text.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }
