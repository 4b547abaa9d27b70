package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// Types of log records. A reader refuses one it does not know.
const (
	KindPredictions uint8 = 1
	kindBareActuals uint8 = 2 // without scopes and withdrawals; read, not written
	KindDeletion    uint8 = 3
	KindActuals     uint8 = 4
)

// Limits of a record that hold before anything is allocated for it.
const (
	// textBytesMax bounds the text of one record once decompressed; a log record is at most 64 MiB.
	textBytesMax = 512 << 20
	// seriesBytesMin is the least a series takes: three empty names.
	seriesBytesMin = 3
	// scopeBytesMin is the least a scope takes: two empty names.
	scopeBytesMin = 2
	// rejectBytesMin is the least a reject takes.
	rejectBytesMin = 5
)

// Record is the content of a log record: one request, whole. See docs/format-pack.md.
type Record struct {
	// At is when the request came, in Unix milliseconds; trusted is what the trusted clock said then, see clock.
	At      int64
	Trusted int64
	Key     idempotency.Key
	Hash    [16]byte
	Keyed   bool

	// One of these is set: predictions, actuals, or predictions to delete.
	Batch    *event.Batch
	Actuals  *event.Actuals
	Deletion *Deletion

	// Keep says that rows of the batch that are stored already are to be kept beside the earlier ones.
	Keep bool
}

// Data sources that rejects were sent to.
const (
	SourcePredictions = "ml_model_predictions"
	SourceActuals     = "ml_model_actuals"
)

// Deletion names predictions of one model to delete.
type Deletion struct {
	Model string
	IDs   []string
}

// Kind returns the type of the log record.
func (r *Record) Kind() uint8 {
	switch {
	case r.Batch != nil:
		return KindPredictions
	case r.Actuals != nil:
		return KindActuals
	default:
		return KindDeletion
	}
}

// Rows returns the number of accepted rows.
func (r *Record) Rows() int {
	switch r.Kind() {
	case KindPredictions:
		return r.Batch.Len()
	case KindActuals:
		return r.Actuals.Len()
	default:
		return len(r.Deletion.IDs)
	}
}

// Rejected returns what was rejected beside the rows, and the data source it was sent to.
func (r *Record) Rejected() (source string, rejects []event.Reject, counts event.Counts) {
	switch r.Kind() {
	case KindPredictions:
		return SourcePredictions, r.Batch.Rejects, r.Batch.Rejected
	case KindActuals:
		return SourceActuals, r.Actuals.Rejects, r.Actuals.Rejected
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

// Moment is when the request came. What a record makes expire goes by it, so that a replay comes to the same.
func (r *Record) Moment() clock.Moment { return clock.Moment{Wall: r.At, Trusted: r.Trusted} }

// Encoder encodes records. It is for one goroutine at a time.
type Encoder struct {
	text []byte
	dst  []byte
}

// Encode returns the payload of r, valid until the next call. Numbers go as they are; text, which is most of a row,
// is compressed with S2, the cheapest codec that halves it.
func (e *Encoder) Encode(r *Record) []byte {
	dst := appendRecordHead(e.dst[:0], r)
	switch r.Kind() {
	case KindPredictions:
		dst = appendNumbers(dst, r.Batch)
		e.text = appendTexts(e.text[:0], r.Batch)
	case KindActuals:
		dst = appendActualNumbers(dst, r.Actuals)
		e.text = appendActualTexts(e.text[:0], r.Actuals)
	default:
		e.text = appendDeletion(e.text[:0], r.Deletion)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.text)))
	at := len(dst)
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(e.text)))
	packed := s2.Encode(dst[at:cap(dst)], e.text)
	e.dst = dst[:at+len(packed)]
	return e.dst
}

func appendRecordHead(dst []byte, r *Record) []byte {
	flags := byte(0)
	if r.Keyed {
		flags |= flagKeyed
	}
	if r.Keep {
		flags |= flagKeep
	}
	if r.At != r.Trusted {
		flags |= flagDoubted
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(r.At))
	if r.At != r.Trusted {
		dst = binary.AppendVarint(dst, r.Trusted-r.At)
	}
	if r.Keyed {
		dst = append(append(dst, r.Key[:]...), r.Hash[:]...)
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
		dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, s.Model), s.Version), s.Environment)
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
		dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, r.Column), r.Reason), r.Raw)
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

func readCounts(c *columns.Cursor, counts *event.Counts) {
	for code := c.Uint8(); code != 0; code = c.Uint8() {
		n := c.Uvarint()
		if int(code) >= len(counts) || n > math.MaxInt32 {
			c.Fail("reject code")
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

// Decoder decodes records. It is for one goroutine at a time.
type Decoder struct {
	text    []byte
	batch   event.Batch
	actuals event.Actuals
}

// Decode fills r from the payload of a log record. What r points to lives until the next call; nothing aliases payload.
func (d *Decoder) Decode(r *Record, kind uint8, payload []byte) error {
	c := columns.NewCursor(payload, base.ErrCorrupt)
	*r = Record{}
	flags := c.Uint8()
	if known := flagsOf(kind); flags&^known != 0 {
		return fmt.Errorf("%w: unknown record flags %#x", base.ErrVersion, flags)
	}
	r.Keyed, r.Keep = flags&flagKeyed != 0, flags&flagKeep != 0
	r.At = int64(c.Uvarint())
	r.Trusted = r.At
	if flags&flagDoubted != 0 {
		r.Trusted += c.Varint()
	}
	if r.Keyed {
		copy(r.Key[:], c.Bytes(16))
		copy(r.Hash[:], c.Bytes(16))
	}
	switch kind {
	case KindPredictions:
		d.batch.Reset()
		r.Batch = &d.batch
		series := c.Uvarint()
		readNumbers(&c, r.Batch, series)
		return d.texts(&c, func(text []byte) error { return readTexts(text, r.Batch, series) })
	case KindActuals, kindBareActuals:
		d.actuals.Reset()
		r.Actuals = &d.actuals
		form := actualsForm{bare: kind == kindBareActuals}
		form.readNumbers(&c, r.Actuals)
		return d.texts(&c, func(text []byte) error { return form.readTexts(text, r.Actuals) })
	case KindDeletion:
		r.Deletion = &Deletion{}
		return d.texts(&c, func(text []byte) error { return readDeletion(text, r.Deletion) })
	default:
		return fmt.Errorf("%w: record type %d", base.ErrVersion, kind)
	}
}

// flagsOf returns the flags that a record of a type may have.
func flagsOf(kind uint8) uint8 {
	if kind == KindPredictions {
		return flagKeyed | flagKeep | flagDoubted
	}
	return flagKeyed | flagDoubted
}

// texts decompresses the text behind the numbers and hands it to read.
func (d *Decoder) texts(c *columns.Cursor, read func(text []byte) error) error {
	size := c.Uvarint()
	if c.Err != nil {
		return c.Err
	}
	text, err := d.unpack(c.Rest, size)
	if err != nil {
		return err
	}
	return read(text)
}

func (d *Decoder) unpack(packed []byte, size uint64) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err != nil || uint64(n) != size || size > textBytesMax {
		return nil, fmt.Errorf("%w: text of %d bytes, the block says %d", base.ErrCorrupt, size, n)
	}
	d.text = base.Grown(d.text, n)
	if _, err := s2.Decode(d.text, packed); err != nil {
		return nil, fmt.Errorf("%w: text: %w", base.ErrCorrupt, err)
	}
	return d.text, nil
}

func readNumbers(c *columns.Cursor, b *event.Batch, seriesCount uint64) {
	rows := c.Count(1+1+8, "rows")
	b.SeriesOf = base.Grown(b.SeriesOf, rows)
	readIndexes(c, b.SeriesOf, seriesCount, "series of a row")
	b.Timestamps = base.Grown(b.Timestamps, rows)
	last := int64(0)
	for i := range b.Timestamps {
		last += c.Varint()
		b.Timestamps[i] = last
	}
	b.Predicted = base.Grown(b.Predicted, rows)
	readFloats(b.Predicted, c.Bytes(rows*8))
	b.Known = base.Grown(b.Known, (rows+63)/64)
	readBits(b.Known, rows, c.Bytes((rows+7)/8))
	b.Actual = base.Grown(b.Actual, rows)
	clear(b.Actual)
	for i := range b.Actual {
		if b.Known.Get(i) {
			b.Actual[i] = math.Float64frombits(c.Uint64())
		}
	}
}

// readIndexes reads an index below count for each row; what names the things that are counted.
func readIndexes(c *columns.Cursor, dst []uint32, count uint64, what string) {
	for i := range dst {
		n := c.Uvarint()
		if n >= count {
			c.Fail(what)
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
	c := columns.NewCursor(text, base.ErrCorrupt)
	if seriesCount > uint64(len(text)/seriesBytesMin) {
		c.Fail("series")
		return c.Err
	}
	for range seriesCount {
		b.Series = append(b.Series, event.Series{
			Model: string(c.Text()), Version: string(c.Text()), Environment: string(c.Text()),
		})
	}
	readColumn(&c, &b.IDs, len(b.SeriesOf), "prediction ids")
	readColumn(&c, &b.Features, len(b.SeriesOf), "features")
	b.Rejects = readRejects(&c, b.Rejects, &b.Rejected)
	return c.End()
}

func readRejects(c *columns.Cursor, dst []event.Reject, counts *event.Counts) []event.Reject {
	readCounts(c, counts)
	for range c.Count(rejectBytesMin, "rejects") {
		dst = append(dst, event.Reject{
			Line: int(c.Uvarint()), Code: event.Code(c.Uint8()),
			Column: string(c.Text()), Reason: string(c.Text()), Raw: slices.Clone(c.Text()),
		})
	}
	return dst
}

func readColumn(c *columns.Cursor, t *event.Text, rows int, what string) {
	end := uint64(0)
	t.Ends = base.Grown(t.Ends, rows)
	for i := range t.Ends {
		end += c.Uvarint()
		if end > math.MaxUint32 {
			c.Fail(what)
		}
		t.Ends[i] = uint32(end)
	}
	t.Bytes = append(t.Bytes[:0], c.Bytes(int(end))...)
}

// EachModel calls f for the models of a record; for some more than once.
func (r *Record) EachModel(f func(model string)) {
	switch r.Kind() {
	case KindPredictions:
		for i := range r.Batch.Series {
			f(r.Batch.Series[i].Model)
		}
	case KindDeletion:
		f(r.Deletion.Model)
	default:
		for _, model := range r.Actuals.Models {
			f(model)
		}
	}
}
