package files

import (
	"fmt"
	"strconv"
	"strings"
)

// position is how far a version of a file was read. As text, which the store keeps under the name of the file in its place, it is one of
//
//	done VERSION
//	failed VERSION
//	reading LINE OFFSET VERSION
//	reading LINE - VERSION
//
// where LINE lines were read of the lines of NDJSON that the file is or is turned into. OFFSET is where they end in the file, of a file
// that is NDJSON as it is; a file that is turned into it is read from its beginning, up to the line.
type position struct {
	state   string // "" for a file that nothing was read of
	lines   int
	offset  int64 // -1 if it is not known
	version string
}

const (
	stateReading = "reading"
	stateDone    = "done"
	stateFailed  = "failed"
)

// String returns the position as the store keeps it.
func (p position) String() string {
	if p.state != stateReading {
		return p.state + " " + p.version
	}
	offset := "-"
	if p.offset >= 0 {
		offset = strconv.FormatInt(p.offset, 10)
	}
	return fmt.Sprintf("%s %d %s %s", p.state, p.lines, offset, p.version)
}

// parsePosition reads a position. One that cannot be read is that of a file of which nothing was: rows that are stored again replace
// themselves.
func parsePosition(text string) (p position) {
	words := strings.Split(text, " ")
	switch {
	case len(words) == 2 && (words[0] == stateDone || words[0] == stateFailed):
		return position{state: words[0], version: words[1]}
	case len(words) != 4 || words[0] != stateReading:
		return position{}
	}
	lines, err := strconv.Atoi(words[1])
	offset, offsetErr := strconv.ParseInt(words[2], 10, 64)
	if words[2] == "-" {
		offset, offsetErr = -1, nil
	}
	if err != nil || offsetErr != nil || lines < 0 || offset < -1 {
		return position{}
	}
	return position{state: stateReading, lines: lines, offset: offset, version: words[3]}
}
