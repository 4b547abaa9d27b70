package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// size is a flag in bytes: 4194304, 4096KiB or 4MiB.
type size int64

// sizeUnits are the units in descending order.
var sizeUnits = [...]struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String returns the size in the largest unit that divides it.
func (s *size) String() string {
	for _, unit := range sizeUnits {
		if *s != 0 && int64(*s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(*s)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set reads a size.
func (s *size) Set(value string) error {
	number, unit := value, int64(1)
	for _, u := range sizeUnits {
		if trimmed, ok := strings.CutSuffix(value, u.name); ok {
			number, unit = trimmed, u.bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return errors.New("bytes are allowed, like 4194304, or with a unit, like 512KiB, 64MiB, 4GiB")
	}
	*s = size(n * unit)
	return nil
}

// Type names the kind of value for the help text.
func (*size) Type() string { return "size" }
