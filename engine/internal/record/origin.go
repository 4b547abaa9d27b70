package record

import (
	"encoding/binary"

	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// positionBytesMin is the least a position takes: three empty texts.
const positionBytesMin = 3

// hasOrigin tells whether a record says where its rows came from.
func (r *Record) hasOrigin() bool {
	if r.Origin.Source != "" || len(r.Origin.Positions) > 0 {
		return true
	}
	_, rejects, _ := r.Rejected()
	for i := range rejects {
		if rejects[i].Place != "" {
			return true
		}
	}
	return false
}

// appendOrigin appends the origin of a record that has one: source, place of each reject, positions.
func appendOrigin(dst []byte, r *Record) []byte {
	if !r.hasOrigin() {
		return dst
	}
	dst = columns.AppendText(dst, r.Origin.Source)
	_, rejects, _ := r.Rejected()
	for i := range rejects {
		dst = columns.AppendText(dst, rejects[i].Place)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Origin.Positions)))
	for i := range r.Origin.Positions {
		x := &r.Origin.Positions[i]
		dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, x.Source), x.Part), x.Value)
	}
	return dst
}

// readOrigin is the inverse of appendOrigin; it reads nothing if o is nil.
func readOrigin(c *columns.Cursor, o *Origin, rejects []event.Reject) {
	if o == nil {
		return
	}
	o.Source = string(c.Text())
	for i := range rejects {
		rejects[i].Place = string(c.Text())
	}
	o.Positions = make([]positions.Position, c.Count(positionBytesMin, "positions"))
	for i := range o.Positions {
		o.Positions[i] = positions.Position{Source: string(c.Text()), Part: string(c.Text()), Value: string(c.Text())}
	}
}
