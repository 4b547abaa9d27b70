package engine

import "strconv"

// Duplicates says what becomes of a row that is stored already: one of the same model, version, environment,
// prediction id and timestamp. It holds for the rows that an append brings; a record of the log keeps what held when
// it was made.
type Duplicates uint8

const (
	// DuplicatesReplace has the row sent last take the place of the earlier one, with the actual that that has if it
	// brings none itself.
	DuplicatesReplace Duplicates = iota
	// DuplicatesKeep stores every row that is sent.
	DuplicatesKeep
)

// String returns the name of the choice on the command line.
func (d Duplicates) String() string {
	switch d {
	case DuplicatesReplace:
		return "replace"
	case DuplicatesKeep:
		return "keep"
	}
	return "duplicates(" + strconv.Itoa(int(d)) + ")"
}
