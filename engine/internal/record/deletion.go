package record

import (
	"encoding/binary"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/columns"
)

// Deletion says what a request deletes. A list that is empty stands for everything, as does an empty Within.
type Deletion struct {
	Target Target
	// Source is the data source that rejected lines were sent to.
	Source string
	// Within is the pattern of models that the request is bounded to.
	Within string
	// Models, Versions, Environments and IDs are names, and no patterns. A row is meant if each of them has its name.
	Models, Versions, Environments, IDs []string
	// Window has the times of rows; all of them from [base.MinMilli] to [base.MaxMilli].
	Window base.Span
}

// Target is what a deletion is of.
type Target uint8

// The targets of deletions.
const (
	// TargetRows are predictions, with the actuals that are remembered of them.
	TargetRows Target = iota
	// TargetActuals are the actuals that are remembered for predictions still to come.
	TargetActuals
	// TargetRejects are the lines of a source in the quarantine.
	TargetRejects
	targetCount
)

// AllTimes is the window of a deletion that has no bounds.
var AllTimes = base.Span{From: base.MinMilli, To: base.MaxMilli}

func appendDeletion(dst []byte, d *Deletion) []byte {
	dst = append(dst, byte(d.Target))
	dst = columns.AppendText(columns.AppendText(dst, d.Source), d.Within)
	dst = binary.AppendVarint(binary.AppendVarint(dst, d.Window.From), d.Window.To)
	for _, names := range [...][]string{d.Models, d.Versions, d.Environments, d.IDs} {
		dst = appendNames(dst, names)
	}
	return dst
}

func readDeletion(text []byte, d *Deletion) error {
	c := columns.NewCursor(text, base.ErrCorrupt)
	if d.Target = Target(c.Uint8()); d.Target >= targetCount {
		c.Fail("target of a deletion")
	}
	d.Source, d.Within = string(c.Text()), string(c.Text())
	d.Window = base.Span{From: c.Varint(), To: c.Varint()}
	d.Models, d.Versions = readNames(&c, "models"), readNames(&c, "versions")
	d.Environments, d.IDs = readNames(&c, "environments"), readNames(&c, "prediction ids")
	return c.End()
}

// readIDDeletion reads a deletion of the predictions of one model that have one of the ids.
func readIDDeletion(text []byte, d *Deletion) error {
	c := columns.NewCursor(text, base.ErrCorrupt)
	d.Models, d.Window = []string{string(c.Text())}, AllTimes
	if d.IDs = readNames(&c, "prediction ids"); d.IDs == nil {
		c.Fail("a deletion of no prediction id")
	}
	return c.End()
}

func appendNames(dst []byte, names []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		dst = columns.AppendText(dst, name)
	}
	return dst
}

// readNames returns nil for no names.
func readNames(c *columns.Cursor, what string) (names []string) {
	for range c.Count(1, what) {
		names = append(names, string(c.Text()))
	}
	return names
}
