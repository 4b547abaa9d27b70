package clusters_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// How far two answers may be from each other: floats in relation to the larger one, quantiles, and what is a difference of means, in relation
// to the mean that it is a difference of.
const (
	floatsWithin    = 1e-12
	quantilesWithin = 0.01
)

// longestCount is how many digits a count, or a time, has at most: longer ones are of floats without a fraction.
const longestCount = 14

var (
	quantile = regexp.MustCompile(`_p\d\d$`)
	// derived are numbers in which sums cancel: the error of the sums shows in them many times over.
	derived = regexp.MustCompile(`^(bias|r2|.*(_z|^z|_low|_high|_change|standard_error|bias.*))$`)
)

// difference says where two answers in JSON differ, by more than rounding; "" if they do not. What a store has read for them, and in which
// time, is no part of an answer.
func difference(a, b string) string {
	var x, y map[string]any
	if err := decodeNumbers(a, &x); err != nil {
		return err.Error()
	}
	if err := decodeNumbers(b, &y); err != nil {
		return err.Error()
	}
	delete(x, "statistics")
	delete(y, "statistics")
	return differ("", x, y, 1)
}

func decodeNumbers(text string, to any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("%w: %.200s", err, text)
	}
	return nil
}

func differ(path string, a, b any, scale float64) string {
	switch x := a.(type) {
	case map[string]any:
		return differInMembers(path, x, b)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return fmt.Sprintf("%s: %d elements, %v", path, len(x), b)
		}
		for i := range x {
			if d := differ(fmt.Sprintf("%s[%d]", path, i), x[i], y[i], scale); d != "" {
				return d
			}
		}
		return ""
	case json.Number:
		y, ok := b.(json.Number)
		if !ok || !sameNumber(path, x, y, scale) {
			return fmt.Sprintf("%s: %v, %v", path, a, b)
		}
		return ""
	}
	if a != b {
		return fmt.Sprintf("%s: %v, %v", path, a, b)
	}
	return ""
}

func differInMembers(path string, x map[string]any, b any) string {
	y, ok := b.(map[string]any)
	if !ok || !slices.Equal(slices.Sorted(maps.Keys(x)), slices.Sorted(maps.Keys(y))) {
		return fmt.Sprintf("%s: %v, %v", path, x, b)
	}
	scale := 1.0
	for _, name := range []string{"mae", "recent_mae", "reference_mae", "rmse"} {
		if v, ok := x[name].(json.Number); ok {
			f, _ := v.Float64()
			scale = max(scale, math.Abs(f))
		}
	}
	for name := range x {
		if d := differ(path+"."+name, x[name], y[name], scale); d != "" && (name != "r2" || !lost(x, y)) {
			return d
		}
	}
	return ""
}

// largestActual bounds the actuals of a history.
const largestActual = 2e8

// lost tells whether the R² of two rows differs by no more than rounding takes of it: a sum of actuals keeps 53 bits of their mean, whose square is
// compared with that of their deviation.
func lost(x, y map[string]any) bool {
	number := func(row map[string]any, name string) float64 {
		n, _ := row[name].(json.Number)
		f, err := n.Float64()
		if err != nil {
			return math.NaN()
		}
		return f
	}
	a, b := 1-number(x, "r2"), 1-number(y, "r2")
	larger := largestActual / (number(x, "rmse") / math.Sqrt(a)) // the mean than the deviation
	return math.Abs(a-b) <= 0x1p-50*larger*larger*a
}

func sameNumber(path string, x, y json.Number, scale float64) bool {
	if x == y {
		return true
	}
	if !strings.ContainsAny(string(x+y), ".eE") && max(len(x), len(y)) <= longestCount {
		return false
	}
	a, errA := x.Float64()
	b, errB := y.Float64()
	if errA != nil || errB != nil {
		return false
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	largest := max(math.Abs(a), math.Abs(b))
	switch {
	case quantile.MatchString(name):
		return math.Abs(a-b) <= quantilesWithin*largest
	case derived.MatchString(name):
		return math.Abs(a-b) <= 1000*floatsWithin*max(largest, scale)
	case name == "drift_percentage": // a quotient of means, less 1
		return math.Abs(a-b) <= floatsWithin*(1+largest)
	}
	return math.Abs(a-b) <= floatsWithin*largest
}

// TestDifference holds what a difference is.
func TestDifference(t *testing.T) {
	for _, pair := range []struct {
		a, b string
		same bool
	}{
		{`{"rows":1,"statistics":1}`, `{"rows":1,"statistics":2}`, true},
		{`{"predictions":100000000000000}`, `{"predictions":100000000000000}`, true},
		{`{"predictions":10000000}`, `{"predictions":10000001}`, false},
		{`{"mse":1169456972864654}`, `{"mse":1169456972864653}`, true},
		{`{"mae":1.5}`, `{"mae":1.50000000001}`, false},
		{`{"abs_error_p50":1.5}`, `{"abs_error_p50":1.51}`, true},
		{`{"rmse":134,"r2":-17921.901}`, `{"rmse":134,"r2":-17921.918}`, true}, // actuals that differ by 1
		{`{"rmse":134000,"r2":0.901}`, `{"rmse":134000,"r2":0.902}`, false},
		{`{"r2":0.901}`, `{"r2":0.902}`, false},
	} {
		require.Equal(t, pair.same, difference(pair.a, pair.b) == "", "%s %s", pair.a, pair.b)
	}
}
