package quarantine

import (
	"encoding/binary"
	"time"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

const entryBytesMin = 8

func appendEntry(dst []byte, r *Row) []byte {
	dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, r.Source), r.Column), r.Reason)
	dst = append(dst, byte(r.Code))
	dst = columns.AppendText(dst, r.ImportID)
	dst = binary.AppendUvarint(dst, uint64(r.LineNumber))
	dst = columns.AppendText(dst, r.Line)
	return columns.AppendText(binary.AppendVarint(dst, r.InsertedAt.UnixMilli()), r.Place)
}

// listVersion is the version of lists that are written; in the one before rows have no place.
const listVersion = 2

func readEntry(c *columns.Cursor, version uint32) Row {
	r := Row{
		Source: string(c.Text()), Column: string(c.Text()), Reason: string(c.Text()),
		Code: event.Code(c.Uint8()), ImportID: string(c.Text()), LineNumber: int(c.Uvarint()),
		Line: append([]byte(nil), c.Text()...), InsertedAt: time.UnixMilli(c.Varint()).UTC(),
	}
	if version > 1 {
		r.Place = string(c.Text())
	}
	return r
}

// ReadEntries gives the rows of a list of rejects of a version to add.
func ReadEntries(c *columns.Cursor, version uint32, add func(Row)) error {
	for range c.Count(entryBytesMin, "rejects") {
		r := readEntry(c, version)
		if c.Err == nil {
			add(r)
		}
	}
	return c.End()
}
