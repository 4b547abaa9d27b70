package workload

import (
	"fmt"
	"strings"
)

// Shape is the character of a workload. It gives defaults to options left at zero.
type Shape uint8

// The shapes.
const (
	// Steady spreads rows evenly over time and over 40 models of 3 versions.
	Steady Shape = iota

	// Bursty sends BurstRows rows of one model within ten seconds, then moves on to another, as batch scoring does.
	Bursty

	// ManyModels is Steady over 10,000 models.
	ManyModels

	// ManyVersions is Steady with 1,000 versions per model, all of them live at all times.
	ManyVersions

	// UUID has prediction ids that are UUIDs, timestamps in RFC 3339 to the millisecond and free-form features.
	UUID
)

// BurstRows is the number of rows in one burst of [Bursty].
const BurstRows = 5000

var shapes = [...]struct {
	name             string
	models, versions int
}{
	Steady:       {"steady", 40, 3},
	Bursty:       {"bursty", 40, 3},
	ManyModels:   {"many-models", 10_000, 3},
	ManyVersions: {"many-versions", 40, 1000},
	UUID:         {"uuid", 40, 3},
}

// String returns the name that [ParseShape] reads.
func (s Shape) String() string {
	if int(s) >= len(shapes) {
		return fmt.Sprintf("Shape(%d)", uint8(s))
	}
	return shapes[s].name
}

// ParseShape returns the shape of that name. The error lists the names.
func ParseShape(name string) (Shape, error) {
	for s := range shapes {
		if shapes[s].name == name {
			return Shape(s), nil
		}
	}
	return 0, fmt.Errorf("unknown shape %q: one of %s", name, strings.Join(ShapeNames(), ", "))
}

// ShapeNames returns the names of all shapes.
func ShapeNames() []string {
	names := make([]string, len(shapes))
	for s := range shapes {
		names[s] = shapes[s].name
	}
	return names
}
