//go:build linux

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// answer is what an engine says to a question: its rows as they come out of JSON.
type answer []map[string]any

// tolerance is how far floats of two engines may be apart, relative to their size. Engines that add floats as they come
// are off by some 1e-14 at ten million rows; a row too many or too few shows at 1e-7.
const tolerance = 1e-12

// kind says how a column is compared.
type kind uint8

const (
	textual   kind = iota
	counted        // equal
	timed          // equal to the second
	measured       // within tolerance of each other
	relative       // a ratio of a difference: within tolerance of one, because the difference has lost the digits
	unchecked      // analysis_timestamp: is the dataset's asOf by construction
)

// columnKind knows every column of both questions.
func columnKind(name string) (k kind, known bool) {
	switch name {
	case "model_id", "model_version", "environment":
		return textual, true
	case "prediction_count", "recent_count", "historical_count":
		return counted, true
	case "period_start", "period_end":
		return timed, true
	case "rmse", "mae", "recent_mae", "historical_mae":
		return measured, true
	case "drift_percentage":
		return relative, true
	case "analysis_timestamp":
		return unchecked, true
	}
	return 0, false
}

// compare returns an error that says where got differs from want. Rows are compared in their order, except that those
// of a tie may stand in any; there is none in the workloads.
func compare(want, got answer) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d rows instead of %d", len(got), len(want))
	}
	for i := range want {
		if len(want[i]) != len(got[i]) {
			return fmt.Errorf("row %d has %d columns instead of %d", i+1, len(got[i]), len(want[i]))
		}
		for column, value := range want[i] {
			kind, known := columnKind(column)
			other, there := got[i][column]
			if !known || !there {
				return fmt.Errorf("row %d: column %s is not in both answers", i+1, column)
			}
			if !equal(kind, fmt.Sprint(value), fmt.Sprint(other)) {
				return fmt.Errorf("row %d: %s is %v instead of %v", i+1, column, other, value)
			}
		}
	}
	return nil
}

func equal(k kind, a, b string) bool {
	switch k {
	case timed:
		return second(a) == second(b)
	case measured, relative:
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX != nil || errY != nil {
			return false
		}
		scale := max(math.Abs(x), math.Abs(y))
		if k == relative {
			scale = max(scale, 1)
		}
		return math.Abs(x-y) <= tolerance*scale
	case unchecked:
		return true
	default:
		return a == b
	}
}

// second cuts a timestamp to the second, however it is written.
func second(text string) string {
	return strings.Replace(text[:min(len(text), len(time.DateTime))], "T", " ", 1)
}
