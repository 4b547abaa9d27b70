package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/residualdb/residual/event"
)

// Types of log records. A reader refuses one it does not know.
const (
	recordPredictions uint8 = 1
	recordBareActuals uint8 = 2 // without scopes and withdrawals; read, not written
	recordDeletion    uint8 = 3
	recordActuals     uint8 = 4
)

// Limits of a record that hold before anything is allocated for it.
const (
	// recordTextBytesMax bounds the text of one record once decompressed; a log record is at most 64 MiB.
	recordTextBytesMax = 512 << 20
	// seriesBytesMin is the least a series takes: three empty names.
	seriesBytesMin = 3
	// scopeBytesMin is the least a scope takes: two empty names.
	scopeBytesMin = 2
	// rejectBytesMin is the least a reject takes.
	rejectBytesMin = 5
)

// record is the content of a log record: one request, whole. See docs/format-pack.md.
type record struct {
	// at is when the request came, in Unix milliseconds; trusted is what the trusted clock said then, see clock.
	at      int64
	trusted int64
	key     keyID
	hash    [16]byte
	keyed   bool

	// One of these is set: predictions, actuals, or predictions to delete.
	batch    *event.Batch
	actuals  *event.Actuals
	deletion *deletion

	// keep says that rows of the batch that are stored already are to be kept beside the earlier ones.
	keep bool

	// ordered is the batch by series, see order.
	ordered *bySeries

	// replaced is how many rows of the batch took the place of rows stored already. The publisher sets it.
	replaced int

	// later is set if the record is not published to its end yet.
	later *publication
}

// order readies a record for the publisher, in the memory of o.
func (r *record) order(o *bySeries) {
	if r.batch != nil {
		o.fill(r.batch, r.keep)
		r.ordered = o
	}
}

// deletion names predictions of one model to delete.
type deletion struct {
	model string
	ids   []string
}

// kind returns the type of the log record.
func (r *record) kind() uint8 {
	switch {
	case r.batch != nil:
		return recordPredictions
	case r.actuals != nil:
		return recordActuals
	default:
		return recordDeletion
	}
}

// rows returns the number of accepted rows.
func (r *record) rows() int {
	switch r.kind() {
	case recordPredictions:
		return r.batch.Len()
	case recordActuals:
		return r.actuals.Len()
	default:
		return len(r.deletion.ids)
	}
}

// rejected returns what was rejected beside the rows, and the data source it was sent to.
func (r *record) rejected() (source string, rejects []event.Reject, counts event.Counts) {
	switch r.kind() {
	case recordPredictions:
		return SourcePredictions, r.batch.Rejects, r.batch.Rejected
	case recordActuals:
		return SourceActuals, r.actuals.Rejects, r.actuals.Rejected
	default:
		return "", nil, event.Counts{}
	}
}

// Flags of a record.
const (
	flagKeyed   = 1 << iota
	flagKeep    // of predictions
	flagDoubted // the trusted clock differed from the wall clock
)

// moment is when the request came. What a record makes expire goes by it, so that a replay comes to the same.
func (r *record) moment() moment { return moment{r.at, r.trusted} }

// recordEncoder encodes records. It is for one goroutine at a time.
type recordEncoder struct {
	text    []byte
	dst     []byte
	ordered bySeries
}

// encode returns the payload of r, valid until the next call. Numbers go as they are; text, which is most of a row,
// is compressed with S2, the cheapest codec that halves it.
func (e *recordEncoder) encode(r *record) []byte {
	dst := appendRecordHead(e.dst[:0], r)
	switch r.kind() {
	case recordPredictions:
		dst = appendNumbers(dst, r.batch)
		e.text = appendTexts(e.text[:0], r.batch)
	case recordActuals:
		dst = appendActualNumbers(dst, r.actuals)
		e.text = appendActualTexts(e.text[:0], r.actuals)
	default:
		e.text = appendDeletion(e.text[:0], r.deletion)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.text)))
	at := len(dst)
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(e.text)))
	packed := s2.Encode(dst[at:cap(dst)], e.text)
	e.dst = dst[:at+len(packed)]
	return e.dst
}

func appendRecordHead(dst []byte, r *record) []byte {
	flags := byte(0)
	if r.keyed {
		flags |= flagKeyed
	}
	if r.keep {
		flags |= flagKeep
	}
	if r.at != r.trusted {
		flags |= flagDoubted
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(r.at))
	if r.at != r.trusted {
		dst = binary.AppendVarint(dst, r.trusted-r.at)
	}
	if r.keyed {
		dst = append(append(dst, r.key[:]...), r.hash[:]...)
	}
	return dst
}

// appendNumbers appends the columns of numbers: series, timestamps, predicted, known, actual.
func appendNumbers(dst []byte, b *event.Batch) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.Series)))
	dst = binary.AppendUvarint(dst, uint64(b.Len()))
	for _, s := range b.SeriesOf {
		dst = binary.AppendUvarint(dst, uint64(s))
	}
	last := int64(0)
	for _, ts := range b.Timestamps {
		dst = binary.AppendVarint(dst, ts-last)
		last = ts
	}
	for _, v := range b.Predicted {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	dst = appendBits(dst, b.Known, b.Len())
	for i, v := range b.Actual {
		if b.Known.Get(i) {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	}
	return dst
}

// appendBits appends the first n bits, eight to a byte.
func appendBits(dst []byte, m event.Bitmap, n int) []byte {
	for first := 0; first < n; first += 8 {
		var bits byte
		for i := first; i < min(first+8, n); i++ {
			if m.Get(i) {
				bits |= 1 << (i - first)
			}
		}
		dst = append(dst, bits)
	}
	return dst
}

// readBits is the inverse of appendBits, into a bitmap that has room for n.
func readBits(m event.Bitmap, n int, src []byte) {
	clear(m)
	for i := range min(n, 8*len(src)) {
		if src[i/8]>>(i%8)&1 == 1 {
			m.Set(i)
		}
	}
}

// fillBits sets the first n bits of a bitmap that has room for them.
func fillBits(m event.Bitmap, n int) {
	clear(m)
	for i := range n {
		m.Set(i)
	}
}

// appendTexts appends what is compressed: names, prediction ids, features, rejects.
func appendTexts(dst []byte, b *event.Batch) []byte {
	for _, s := range b.Series {
		dst = appendText(appendText(appendText(dst, s.Model), s.Version), s.Environment)
	}
	dst = appendColumn(dst, &b.IDs)
	dst = appendColumn(dst, &b.Features)
	return appendRejects(dst, b.Rejects, &b.Rejected)
}

func appendRejects(dst []byte, rejects []event.Reject, counts *event.Counts) []byte {
	dst = appendCounts(dst, counts)
	dst = binary.AppendUvarint(dst, uint64(len(rejects)))
	for i := range rejects {
		r := &rejects[i]
		dst = binary.AppendUvarint(dst, uint64(r.Line))
		dst = append(dst, byte(r.Code))
		dst = appendText(appendText(appendText(dst, r.Column), r.Reason), r.Raw)
	}
	return dst
}

// appendCounts appends the number of rejects of each code that has any, closed by code zero.
func appendCounts(dst []byte, counts *event.Counts) []byte {
	for code, n := range counts {
		if n > 0 {
			dst = append(dst, byte(code))
			dst = binary.AppendUvarint(dst, uint64(n))
		}
	}
	return append(dst, 0)
}

func readCounts(c *cursor, counts *event.Counts) {
	for code := c.uint8("reject code"); code != 0; code = c.uint8("reject code") {
		n := c.uvarint("rejects of a code")
		if int(code) >= len(counts) || n > math.MaxInt32 {
			c.fail("reject code")
			return
		}
		counts[code] = int(n)
	}
}

func appendColumn(dst []byte, t *event.Text) []byte {
	start := uint32(0)
	for _, end := range t.Ends {
		dst = binary.AppendUvarint(dst, uint64(end-start))
		start = end
	}
	return append(dst, t.Bytes...)
}

// recordDecoder decodes records. It is for one goroutine at a time.
type recordDecoder struct {
	text    []byte
	batch   event.Batch
	actuals event.Actuals
}

// decode fills r from the payload of a log record. What r points to lives until the next call; nothing aliases payload.
func (d *recordDecoder) decode(r *record, kind uint8, payload []byte) error {
	c := cursor{rest: payload}
	*r = record{}
	flags := c.uint8("flags")
	if known := flagsOf(kind); flags&^known != 0 {
		return fmt.Errorf("%w: unknown record flags %#x", ErrVersion, flags)
	}
	r.keyed, r.keep = flags&flagKeyed != 0, flags&flagKeep != 0
	r.at = int64(c.uvarint("time"))
	r.trusted = r.at
	if flags&flagDoubted != 0 {
		r.trusted += c.varint("trusted time")
	}
	if r.keyed {
		copy(r.key[:], c.bytes(16, "key"))
		copy(r.hash[:], c.bytes(16, "hash"))
	}
	switch kind {
	case recordPredictions:
		d.batch.Reset()
		r.batch = &d.batch
		series := c.uvarint("series")
		readNumbers(&c, r.batch, series)
		return d.texts(&c, func(text []byte) error { return readTexts(text, r.batch, series) })
	case recordActuals, recordBareActuals:
		d.actuals.Reset()
		r.actuals = &d.actuals
		form := actualsForm{bare: kind == recordBareActuals}
		form.readNumbers(&c, r.actuals)
		return d.texts(&c, func(text []byte) error { return form.readTexts(text, r.actuals) })
	case recordDeletion:
		r.deletion = &deletion{}
		return d.texts(&c, func(text []byte) error { return readDeletion(text, r.deletion) })
	default:
		return fmt.Errorf("%w: record type %d", ErrVersion, kind)
	}
}

// flagsOf returns the flags that a record of a type may have.
func flagsOf(kind uint8) uint8 {
	if kind == recordPredictions {
		return flagKeyed | flagKeep | flagDoubted
	}
	return flagKeyed | flagDoubted
}

// texts decompresses the text behind the numbers and hands it to read.
func (d *recordDecoder) texts(c *cursor, read func(text []byte) error) error {
	size := c.uvarint("text size")
	if c.err != nil {
		return c.err
	}
	text, err := d.unpack(c.rest, size)
	if err != nil {
		return err
	}
	return read(text)
}

func (d *recordDecoder) unpack(packed []byte, size uint64) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err != nil || uint64(n) != size || size > recordTextBytesMax {
		return nil, fmt.Errorf("%w: text of %d bytes, the block says %d", ErrCorrupt, size, n)
	}
	d.text = grown(d.text, n)
	if _, err := s2.Decode(d.text, packed); err != nil {
		return nil, fmt.Errorf("%w: text: %w", ErrCorrupt, err)
	}
	return d.text, nil
}

func readNumbers(c *cursor, b *event.Batch, seriesCount uint64) {
	rows := c.count(1+1+8, "rows")
	b.SeriesOf = grown(b.SeriesOf, rows)
	readIndexes(c, b.SeriesOf, seriesCount, "series of a row")
	b.Timestamps = grown(b.Timestamps, rows)
	last := int64(0)
	for i := range b.Timestamps {
		last += c.varint("timestamp")
		b.Timestamps[i] = last
	}
	b.Predicted = grown(b.Predicted, rows)
	readFloats(b.Predicted, c.bytes(uint64(rows)*8, "predicted"))
	b.Known = grown(b.Known, (rows+63)/64)
	readBits(b.Known, rows, c.bytes(uint64(rows+7)/8, "known"))
	b.Actual = grown(b.Actual, rows)
	clear(b.Actual)
	for i := range b.Actual {
		if b.Known.Get(i) {
			b.Actual[i] = math.Float64frombits(c.uint64("actual"))
		}
	}
}

// readIndexes reads the number of what each row is of, among so many.
func readIndexes(c *cursor, dst []uint32, among uint64, what string) {
	for i := range dst {
		n := c.uvarint(what)
		if n >= among {
			c.fail(what)
		}
		dst[i] = uint32(n)
	}
}

func readFloats(dst []float64, src []byte) {
	for i := range min(len(dst), len(src)/8) {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[i*8:]))
	}
}

func readTexts(text []byte, b *event.Batch, seriesCount uint64) error {
	c := cursor{rest: text}
	if seriesCount > uint64(len(text)/seriesBytesMin) {
		c.fail("series")
		return c.err
	}
	for range seriesCount {
		b.Series = append(b.Series, event.Series{
			Model: string(c.text("model")), Version: string(c.text("version")), Environment: string(c.text("environment")),
		})
	}
	readColumn(&c, &b.IDs, len(b.SeriesOf), "prediction ids")
	readColumn(&c, &b.Features, len(b.SeriesOf), "features")
	b.Rejects = readRejects(&c, b.Rejects, &b.Rejected)
	return c.end("a record")
}

func readRejects(c *cursor, dst []event.Reject, counts *event.Counts) []event.Reject {
	readCounts(c, counts)
	for range c.count(rejectBytesMin, "rejects") {
		dst = append(dst, event.Reject{
			Line: int(c.uvarint("line")), Code: event.Code(c.uint8("code")),
			Column: string(c.text("column")), Reason: string(c.text("reason")), Raw: slices.Clone(c.text("raw line")),
		})
	}
	return dst
}

func readColumn(c *cursor, t *event.Text, rows int, what string) {
	end := uint64(0)
	t.Ends = grown(t.Ends, rows)
	for i := range t.Ends {
		end += c.uvarint(what)
		if end > math.MaxUint32 {
			c.fail(what)
		}
		t.Ends[i] = uint32(end)
	}
	t.Bytes = append(t.Bytes[:0], c.bytes(end, what)...)
}
