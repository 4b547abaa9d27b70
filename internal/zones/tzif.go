package zones

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// zone is one line of the table.
type zone struct {
	// rule is a POSIX TZ string.
	rule    string
	offset  int32 // seconds east of UTC, before the first change
	changes []change
}

// change is a time from which on the clock has an offset.
type change struct {
	at     int64 // Unix seconds
	offset int32 // seconds east of UTC
}

func parseZone(line string) (z zone, err error) {
	rule, clock, _ := strings.Cut(line, "|")
	z.rule = rule
	first, changes, _ := strings.Cut(clock, " ")
	if z.offset, err = parseOffset(first); err != nil {
		return zone{}, err
	}
	at := int64(0)
	for field := range strings.FieldsSeq(changes) {
		since, offset, _ := strings.Cut(field, "/")
		seconds, err := strconv.ParseInt(since, 10, 64)
		if err != nil {
			return zone{}, fmt.Errorf("the change %q: %w", field, err)
		}
		at += seconds
		c := change{at: at}
		if c.offset, err = parseOffset(offset); err != nil {
			return zone{}, err
		}
		z.changes = append(z.changes, c)
	}
	return z, nil
}

func parseOffset(text string) (int32, error) {
	offset, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("the offset %q: %w", text, err)
	}
	return int32(offset), nil
}

// appendTZif appends the zone as a TZif file of version 2: an empty block of version 1, the block of 64-bit times, the rule.
func (z *zone) appendTZif(to []byte) []byte {
	types := []int32{z.offset}
	for _, c := range z.changes {
		if !slices.Contains(types, c.offset) {
			types = append(types, c.offset)
		}
	}
	const noName = "-00\x00"
	to = appendHeader(to, 0, 1, 1)
	to = append(to, 0, 0, 0, 0, 0, 0, 0) // one type, of no offset, and the shortest name
	to = appendHeader(to, len(z.changes), len(types), len(noName))
	for _, c := range z.changes {
		to = binary.BigEndian.AppendUint64(to, uint64(c.at))
	}
	for _, c := range z.changes {
		to = append(to, byte(slices.Index(types, c.offset)))
	}
	for _, offset := range types {
		to = binary.BigEndian.AppendUint32(to, uint32(offset))
		to = append(to, 0, 0)
	}
	to = append(to, noName...)
	return append(append(append(to, '\n'), z.rule...), '\n')
}

// appendHeader appends the header of a block without leap seconds and indicators.
func appendHeader(to []byte, changes, types, nameBytes int) []byte {
	to = append(to, "TZif2"...)
	to = append(to, make([]byte, 15)...)
	for _, count := range [...]int{0, 0, 0, changes, types, nameBytes} {
		to = binary.BigEndian.AppendUint32(to, uint32(count))
	}
	return to
}
