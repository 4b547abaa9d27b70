package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// span is a flag in time: a Go duration, or a number of days like 30d.
type span time.Duration

const day = 24 * time.Hour

// String returns whole days as days.
func (s *span) String() string {
	if d := time.Duration(*s); d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return time.Duration(*s).String()
}

// Set reads a span, which may not be negative.
func (s *span) Set(value string) error {
	d, err := time.ParseDuration(value)
	if days, ok := strings.CutSuffix(value, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 64)
		if n > math.MaxInt64/int64(day) {
			err = strconv.ErrRange
		}
		d = time.Duration(n) * day
	}
	if err != nil || d < 0 {
		return errors.New("a time is allowed, like 90d, 36h, 15m, 100ms or 0")
	}
	*s = span(d)
	return nil
}

// Type names the kind of value for the help text.
func (*span) Type() string { return "time" }
