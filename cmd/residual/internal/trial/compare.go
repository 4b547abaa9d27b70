package trial

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// difference returns how an answer differs from what is expected, as lines that begin with "-" where they are expected and with "+" where
// they came instead; empty if they are the same. A row is the same if it has the same members with the same values, however they are
// written and in whatever order they stand; rows are compared in their order.
func difference(expected, got string) string {
	want, have := lines(expected), lines(got)
	var b strings.Builder
	same := len(want) == len(have)
	for i := range max(len(want), len(have)) {
		switch {
		case i >= len(want):
			fmt.Fprintf(&b, "+ %s\n", have[i])
		case i >= len(have):
			fmt.Fprintf(&b, "- %s\n", want[i])
		case sameRow(want[i], have[i]):
			fmt.Fprintf(&b, "  %s\n", have[i])
		default:
			same = false
			fmt.Fprintf(&b, "- %s\n+ %s\n", want[i], have[i])
		}
	}
	if same {
		return ""
	}
	return b.String()
}

// lines are the lines of a text that have something in them.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// sameRow compares two lines: as JSON objects, if both are.
func sameRow(a, b string) bool {
	if a == b {
		return true
	}
	var x, y map[string]any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}
