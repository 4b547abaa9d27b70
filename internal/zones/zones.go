// Package zones has the time zones of the tz database by their IANA names, the same on every machine.
//
// The standard library looks for zones on the machine first, where they are of another age, and where names such as localtime or
// right/Europe/Berlin stand for something too. Here a name is one of the database or unknown, and what it means is in table.txt.
package zones

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:generate go run ./generate

// table has a comment with the version of the database, then a line for each zone: its names, the rule that holds after the last
// change of the clock, the offset from UTC before the first since 1970, and each change as the seconds since the one before, the
// first since 1970, with the offset from then on.
//
//go:embed table.txt
var table string

// ErrUnknown is returned for what is no name of a zone.
var ErrUnknown = errors.New("zones: unknown time zone")

// lines has the line of each name.
var lines = sync.OnceValue(func() map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		names, zone, _ := strings.Cut(line, "|")
		for name := range strings.FieldsSeq(names) {
			found[name] = zone
		}
	}
	return found
})

// loaded has the locations that were asked for: at most one for each name.
var loaded sync.Map

// Load returns the zone of a name; ErrUnknown if there is none.
func Load(name string) (*time.Location, error) {
	if name == time.UTC.String() {
		return time.UTC, nil
	}
	if location, ok := loaded.Load(name); ok {
		return location.(*time.Location), nil
	}
	data, err := TZif(name)
	if err != nil {
		return nil, err
	}
	location, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		panic("BUG: the zone " + name + ": " + err.Error())
	}
	loaded.Store(name, location)
	return location, nil
}

// TZif returns the zone of a name in the format of RFC 9636, from 1970 on and with offsets alone: no zone has a name of its own or
// is daylight saving time. ErrUnknown if there is none.
func TZif(name string) ([]byte, error) {
	line, ok := lines()[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	z, err := parseZone(line)
	if err != nil {
		panic("BUG: the zone " + name + ": " + err.Error())
	}
	return z.appendTZif(nil), nil
}

// Names returns all names, sorted.
func Names() []string {
	var names []string
	for name := range lines() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Version is that of the database, such as 2025c.
func Version() string {
	first, _, _ := strings.Cut(table, "\n")
	return first[strings.LastIndexByte(first, ' ')+1:]
}
