package clickhouse

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// announcement is what the table pending has of requests of several shards or months: their rows as they came, and the version of each of
// the blocks that they make. Whoever reads it makes the same blocks of it again, as long as the models are on the same shards.
//
//	one byte: announcementFormat, and behind it, compressed by S2:
//	varint: the time of the stamp, in Unix milliseconds
//	uvarint: how many shards; of each: uvarint weight
//	uvarint: how many blocks; of each: uvarint shard, uvarint month, 8 bytes version
//	one byte: 0 for predictions, 1 for actuals
//	uvarint: how many requests; of each its columns, see appendPredictions and appendActuals
type announcement struct {
	stamped  time.Time
	weights  []uint64
	versions map[unit]uint64
	requests []*request
}

const announcementFormat = 1

// announcementOf is that of requests and of the blocks that were made of them, and stamped.
func announcementOf(requests []*request, blocks []*block, of *shards) *announcement {
	a := &announcement{stamped: blocks[0].stamped, weights: of.weights(), versions: make(map[unit]uint64, len(blocks)), requests: requests}
	for _, b := range blocks {
		a.versions[b.unit] = b.version
	}
	return a
}

// blocks makes the blocks again.
func (a *announcement) blocks(of *shards) ([]*block, error) {
	if weights := of.weights(); !slices.Equal(weights, a.weights) {
		return nil, fmt.Errorf("%w: blocks were announced for shards of the weights %d, which are %d now", ErrCluster, a.weights, weights)
	}
	blocks := blocksOf(a.requests, of)
	for _, b := range blocks {
		version, ok := a.versions[b.unit]
		if !ok {
			return nil, fmt.Errorf("%w: it has rows of shard %d and month %d, and no version for them", errAnnouncement, b.shard, b.month)
		}
		b.stamp(version, a.stamped)
	}
	return blocks, nil
}

// encode is the announcement as the table has it.
func (a *announcement) encode() string {
	size := 64
	for _, r := range a.requests {
		size += r.announcedBytes()
	}
	raw := binary.AppendVarint(make([]byte, 0, size), a.stamped.UnixMilli())
	raw = binary.AppendUvarint(raw, uint64(len(a.weights)))
	for _, weight := range a.weights {
		raw = binary.AppendUvarint(raw, weight)
	}
	raw = binary.AppendUvarint(raw, uint64(len(a.versions)))
	for u, version := range a.versions {
		raw = binary.AppendUvarint(binary.AppendUvarint(raw, uint64(u.shard)), uint64(u.month))
		raw = binary.LittleEndian.AppendUint64(raw, version)
	}
	kind := byte(0)
	if a.requests[0].batch == nil {
		kind = 1
	}
	raw = binary.AppendUvarint(append(raw, kind), uint64(len(a.requests)))
	for _, r := range a.requests {
		if r.batch != nil {
			raw = appendPredictions(raw, r.batch)
		} else {
			raw = appendActuals(raw, r.actuals)
		}
	}
	packed := make([]byte, 1+s2.MaxEncodedLen(len(raw)))
	packed[0] = announcementFormat
	return view(packed[:1+len(s2.Encode(packed[1:], raw))])
}

// appendPredictions appends: series, and their names; rows; of each row its series, its time as the difference to that of the one before,
// prediction, actual; whether it has one, as bits; ids and features.
func appendPredictions(dst []byte, b *event.Batch) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.Series)))
	for _, s := range b.Series {
		dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, s.Model), s.Version), s.Environment)
	}
	dst = appendIndexes(binary.AppendUvarint(dst, uint64(b.Len())), b.SeriesOf)
	dst = appendTimes(dst, b.Timestamps)
	dst = appendFloats(appendFloats(dst, b.Predicted), b.Actual)
	dst = appendBits(dst, b.Known, b.Len())
	return appendTexts(appendTexts(dst, &b.IDs), &b.Features)
}

// appendActuals appends: models, scopes; rows; of each row its model, its scope, its value, and when it was observed as the difference to
// the one before; whether it has a value, as bits; ids.
func appendActuals(dst []byte, a *event.Actuals) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(a.Models)))
	for _, m := range a.Models {
		dst = columns.AppendText(dst, m)
	}
	dst = binary.AppendUvarint(dst, uint64(len(a.Scopes)))
	for _, s := range a.Scopes {
		dst = columns.AppendText(columns.AppendText(dst, s.Version), s.Environment)
	}
	dst = appendIndexes(binary.AppendUvarint(dst, uint64(a.Len())), a.ModelOf)
	dst = appendFloats(appendIndexes(dst, a.ScopeOf), a.Values)
	return appendTexts(appendBits(appendTimes(dst, a.Observed), a.Known, a.Len()), &a.IDs)
}

func appendIndexes(dst []byte, of []uint32) []byte {
	for _, x := range of {
		dst = binary.AppendUvarint(dst, uint64(x))
	}
	return dst
}

func appendTimes(dst []byte, of []int64) []byte {
	last := int64(0)
	for _, x := range of {
		dst, last = binary.AppendVarint(dst, x-last), x
	}
	return dst
}

func appendFloats(dst []byte, of []float64) []byte {
	for _, x := range of {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}

func appendBits(dst []byte, of event.Bitmap, rows int) []byte {
	for i := range (rows + 63) / 64 {
		word := uint64(0)
		if i < len(of) {
			word = of[i]
		}
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst
}

func appendTexts(dst []byte, of *event.Text) []byte {
	last := uint32(0)
	for _, end := range of.Ends {
		dst, last = binary.AppendUvarint(dst, uint64(end-last)), end
	}
	return append(dst, of.Bytes[:last]...)
}

// errAnnouncement is the class of faults of a cursor over an announcement.
var errAnnouncement = fmt.Errorf("%w: an announcement in %s cannot be read", ErrSchema, schema.Pending)

// decodeAnnouncement reads what encode wrote.
func decodeAnnouncement(text string) (*announcement, error) {
	if text == "" || text[0] != announcementFormat {
		return nil, fmt.Errorf("%w: it is of another format", errAnnouncement)
	}
	raw, err := s2.Decode(nil, []byte(text[1:]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnnouncement, err)
	}
	return readAnnouncement(raw)
}

// readAnnouncement reads what was compressed.
func readAnnouncement(raw []byte) (*announcement, error) {
	c := columns.NewCursor(raw, errAnnouncement)
	a := &announcement{stamped: time.UnixMilli(c.Varint()).UTC(), versions: map[unit]uint64{}}
	for range c.Count(1, "shards") {
		a.weights = append(a.weights, c.Uvarint())
	}
	for range c.Count(10, "blocks") {
		u := unit{int(c.Uvarint32()), int(c.Uvarint32())}
		a.versions[u] = c.Uint64()
	}
	kind := c.Uint8()
	for range c.Count(2, "requests") {
		r := &request{}
		if kind == 0 {
			r.batch = readPredictions(&c)
		} else {
			r.actuals = readActuals(&c)
		}
		a.requests = append(a.requests, r)
	}
	if err := c.End(); err != nil {
		return nil, err
	}
	if kind > 1 || len(a.requests) == 0 {
		return nil, fmt.Errorf("%w: %d requests of kind %d", errAnnouncement, len(a.requests), kind)
	}
	return a, nil
}

func readPredictions(c *columns.Cursor) *event.Batch {
	b := &event.Batch{Series: make([]event.Series, c.Count(3, "series"))}
	for i := range b.Series {
		b.Series[i] = event.Series{Model: string(c.Text()), Version: string(c.Text()), Environment: string(c.Text())}
	}
	rows := c.Count(1+1+8+8+2, "rows")
	b.SeriesOf, b.Timestamps = readIndexes(c, rows, len(b.Series)), readTimes(c, rows)
	b.Predicted, b.Actual, b.Known = readFloats(c, rows), readFloats(c, rows), readBits(c, rows)
	b.IDs, b.Features = readTexts(c, rows), readTexts(c, rows)
	return b
}

func readActuals(c *columns.Cursor) *event.Actuals {
	a := &event.Actuals{Models: make([]string, c.Count(1, "models"))}
	for i := range a.Models {
		a.Models[i] = string(c.Text())
	}
	a.Scopes = make([]event.Scope, c.Count(2, "scopes"))
	for i := range a.Scopes {
		a.Scopes[i] = event.Scope{Version: string(c.Text()), Environment: string(c.Text())}
	}
	rows := c.Count(1+1+8+1+1, "rows")
	a.ModelOf, a.ScopeOf, a.Values = readIndexes(c, rows, len(a.Models)), readIndexes(c, rows, len(a.Scopes)), readFloats(c, rows)
	a.Observed, a.Known = readTimes(c, rows), readBits(c, rows)
	a.IDs = readTexts(c, rows)
	return a
}

func readIndexes(c *columns.Cursor, rows, below int) []uint32 {
	of := make([]uint32, rows)
	for i := range of {
		if of[i] = c.Uvarint32(); int(of[i]) >= below {
			c.Fail("an index beyond its names")
		}
	}
	return of
}

func readTimes(c *columns.Cursor, rows int) []int64 {
	of, last := make([]int64, rows), int64(0)
	for i := range of {
		last += c.Varint()
		of[i] = last
	}
	return of
}

func readFloats(c *columns.Cursor, rows int) []float64 {
	of := make([]float64, rows)
	for i := range of {
		of[i] = math.Float64frombits(c.Uint64())
	}
	return of
}

func readBits(c *columns.Cursor, rows int) event.Bitmap {
	of := make(event.Bitmap, (rows+63)/64)
	for i := range of {
		of[i] = c.Uint64()
	}
	return of
}

func readTexts(c *columns.Cursor, rows int) (of event.Text) {
	of.Ends = make([]uint32, rows)
	end := uint64(0)
	for i := range of.Ends {
		if end += c.Uvarint(); end > math.MaxUint32 {
			c.Fail("a text")
			end = 0
		}
		of.Ends[i] = uint32(end)
	}
	of.Bytes = c.Bytes(int(end))
	return of
}
