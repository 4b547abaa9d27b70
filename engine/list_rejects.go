package engine

import (
	"encoding/binary"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/event"
)

const quarantineEntryBytesMin = 8

// appendReject appends an entry of a list of rejects.
func appendReject(dst []byte, r *QuarantineRow) []byte {
	dst = base.AppendText(base.AppendText(base.AppendText(dst, r.Source), r.Column), r.Reason)
	dst = append(dst, byte(r.Code))
	dst = base.AppendText(dst, r.ImportID)
	dst = binary.AppendUvarint(dst, uint64(r.LineNumber))
	dst = base.AppendText(dst, r.Line)
	return binary.AppendVarint(dst, r.InsertedAt.UnixMilli())
}

// readReject reads what appendReject has appended.
func readReject(c *base.Cursor) QuarantineRow {
	return QuarantineRow{
		Source: string(c.Text("source")), Column: string(c.Text("column")), Reason: string(c.Text("reason")),
		Code: event.Code(c.Uint8("code")), ImportID: string(c.Text("import id")), LineNumber: int(c.Uvarint("line")),
		Line: append([]byte(nil), c.Text("line")...), InsertedAt: time.UnixMilli(c.Varint("time")).UTC(),
	}
}

func decodeRejects(c *store.List, add func(QuarantineRow)) error {
	for range c.Count(quarantineEntryBytesMin, "rejects") {
		r := readReject(&c.Cursor)
		if c.Err == nil {
			add(r)
		}
	}
	return c.End("a list of rejects")
}
