package arg

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/engine"
)

// Choice is a flag with a closed set of values, the first of which is the default.
type Choice struct {
	Value   string
	Allowed []string
}

// OneOf returns a choice of values, the first of which is the default.
func OneOf(allowed ...string) *Choice { return &Choice{allowed[0], allowed} }

// Chosen returns the one of values whose name was chosen.
func Chosen[T fmt.Stringer](c *Choice, values ...T) T {
	for _, value := range values {
		if value.String() == c.Value {
			return value
		}
	}
	panic("BUG: no choice " + c.Value)
}

// String returns the value.
func (c *Choice) String() string { return c.Value }

// Set takes a value of the set.
func (c *Choice) Set(value string) error {
	if !slices.Contains(c.Allowed, value) {
		return fmt.Errorf("one of %s is allowed", strings.Join(c.Allowed, ", "))
	}
	c.Value = value
	return nil
}

// Type returns the set, for the help text.
func (c *Choice) Type() string { return strings.Join(c.Allowed, "|") }

// Size is a flag in bytes: 4194304, 4096KiB or 4MiB.
type Size int64

// sizeUnits are the units in descending order.
var sizeUnits = [...]struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String returns the size in the largest unit that divides it.
func (s *Size) String() string {
	for _, unit := range sizeUnits {
		if *s != 0 && int64(*s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(*s)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set reads a size.
func (s *Size) Set(value string) error {
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
	*s = Size(n * unit)
	return nil
}

// Type names the kind of value for the help text.
func (*Size) Type() string { return "size" }

// Span is a flag in time: a Go duration, or a number of days like 30d.
type Span time.Duration

// Day is a day of 24 hours.
const Day = 24 * time.Hour

// String returns whole days as days.
func (s *Span) String() string {
	if d := time.Duration(*s); d != 0 && d%Day == 0 {
		return strconv.FormatInt(int64(d/Day), 10) + "d"
	}
	return time.Duration(*s).String()
}

// Set reads a span, which may not be negative.
func (s *Span) Set(value string) error {
	d, err := time.ParseDuration(value)
	if days, ok := strings.CutSuffix(value, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 64)
		if n > math.MaxInt64/int64(Day) {
			err = strconv.ErrRange
		}
		d = time.Duration(n) * Day
	}
	if err != nil || d < 0 {
		return errors.New("a time is allowed, like 90d, 36h, 15m, 100ms or 0")
	}
	*s = Span(d)
	return nil
}

// Type names the kind of value for the help text.
func (*Span) Type() string { return "time" }

// Retention is a flag that may be given more than once, or a list with commas: a span for every model, and NAME=SPAN for the
// models that have another one.
type Retention struct {
	Plain Span
	Of    []engine.ModelRetention
	// given is set once plain is: two of them would leave open which one drops rows.
	given bool
}

// String returns it as one list.
func (r *Retention) String() string {
	list := []string{r.Plain.String()}
	for _, m := range r.Of {
		keep := Span(m.Keep)
		list = append(list, m.Models+"="+keep.String())
	}
	return strings.Join(list, ",")
}

// Set adds what a list has to what there is.
func (r *Retention) Set(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		i := strings.LastIndexByte(item, '=')
		if i < 0 {
			if err := r.Plain.Set(item); err != nil {
				return fmt.Errorf("%w; with models before it, like 'team_a_*=30d'", err)
			}
			if r.given {
				return errors.New("the time for every model is there twice")
			}
			r.given = true
			continue
		}
		var keep Span
		if err := keep.Set(item[i+1:]); err != nil {
			return fmt.Errorf("%q: %w", item, err)
		}
		r.Of = append(r.Of, engine.ModelRetention{Models: item[:i], Keep: time.Duration(keep)})
	}
	return engine.CheckRetentionOf(r.Of)
}

// Type names the kind of value for the help text.
func (*Retention) Type() string { return "[models=]time,..." }

var momentLayouts = [...]string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", time.RFC3339}

// ParseMoment reads a time as the server does, or the day that it begins.
func ParseMoment(text string) (time.Time, error) {
	var err error
	for _, layout := range momentLayouts {
		var t time.Time
		if t, err = time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, err
}

// ReadEnvironment sets each flag that the command line left alone from its variable, if there is one.
func ReadEnvironment(flags *pflag.FlagSet, env func(string) (string, bool)) error {
	var faults []error
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed || flag.Name == "help" || flag.Annotations[noVariable] != nil {
			return
		}
		name := Variable(flag.Name)
		if value, ok := env(name); ok {
			if err := flags.Set(flag.Name, value); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
			if flag.Annotations == nil {
				flag.Annotations = map[string][]string{}
			}
			flag.Annotations[ofVariable] = []string{}
		}
	})
	if err := errors.Join(faults...); err != nil {
		return AsUsage(err)
	}
	return nil
}

// noVariable marks a flag that has no variable.
const noVariable = "residual: no variable"

// ofVariable marks a flag that its variable has set.
const ofVariable = "residual: of its variable"

// NotEmpty refuses flags that are given without a value, where to leave them out asks for more than anybody means who gives them: it
// is a variable of a script that is not set.
func NotEmpty(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		flag := flags.Lookup(name)
		if !flag.Changed {
			continue
		}
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if len(values) == 0 || slices.ContainsFunc(values, func(value string) bool { return strings.TrimSpace(value) == "" }) {
			return Usagef("--%s is given and empty; leave it out if that is meant", name)
		}
	}
	return nil
}

// OneStore refuses a directory and a server at once. A variable that names a server is there for other commands, and no contradiction.
func OneStore(flags *pflag.FlagSet) error {
	if server := flags.Lookup("server"); flags.Lookup("data-dir").Changed && server.Changed && server.Annotations[ofVariable] == nil {
		return Usagef("--data-dir and --server are both given; one of them is allowed")
	}
	return NotEmpty(flags, "data-dir", "server")
}

// AddDirectory adds the flag for a directory in the place of a server. It has no variable: RESIDUAL_DATA_DIR is set where a server
// runs, and names the directory that this one has open.
func AddDirectory(flags *pflag.FlagSet, dir *string) {
	const name = "data-dir"
	flags.StringVar(dir, name, "", "directory of a store that no server has open, instead of --server; RESIDUAL_DATA_DIR does not count")
	flags.Lookup(name).Annotations = map[string][]string{noVariable: {}}
}

// Variable is the name of the environment variable for a flag.
func Variable(flag string) string {
	return "RESIDUAL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
