package record

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// Types of log records. A reader refuses one it does not know.
const (
	KindPredictions uint8 = 1
	kindBareActuals uint8 = 2 // without scopes and withdrawals; read, not written
	kindIDDeletion  uint8 = 3 // of prediction ids of one model; read, not written
	KindActuals     uint8 = 4
	KindDeletion    uint8 = 5
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
	// At is when the request came, in Unix milliseconds; Trusted is what the trusted clock said then.
	At      int64
	Trusted int64
	Key     idempotency.Key
	Hash    [16]byte
	Keyed   bool

	// One of these is set: predictions, actuals, or what is to be deleted.
	Batch    *event.Batch
	Actuals  *event.Actuals
	Deletion *Deletion

	// Keep says that rows of the batch that are stored already are to be kept beside the earlier ones.
	Keep bool

	// Origin is where a batch or actuals came from.
	Origin Origin
}

// Origin is where rows came from. The zero Origin is a request to the data source of their kind.
type Origin struct {
	// Source is the data source that rejects were sent to; empty for that of the kind of rows.
	Source string
	// Positions are those that the record sets. Each has a source.
	Positions []positions.Position
}

// Data sources that rejects were sent to.
const (
	SourcePredictions = "ml_model_predictions"
	SourceActuals     = "ml_model_actuals"
)

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

// Rows returns the number of accepted rows; of a deletion that of its ids, at least one.
func (r *Record) Rows() int {
	switch r.Kind() {
	case KindPredictions:
		return r.Batch.Len()
	case KindActuals:
		return r.Actuals.Len()
	default:
		return max(1, len(r.Deletion.IDs))
	}
}

// Rejected returns what was rejected beside the rows, and the data source it was sent to.
func (r *Record) Rejected() (source string, rejects []event.Reject, counts event.Counts) {
	switch r.Kind() {
	case KindPredictions:
		return base.OrDefault(r.Origin.Source, SourcePredictions), r.Batch.Rejects, r.Batch.Rejected
	case KindActuals:
		return base.OrDefault(r.Origin.Source, SourceActuals), r.Actuals.Rejects, r.Actuals.Rejected
	default:
		return "", nil, event.Counts{}
	}
}

// Flags of a record.
const (
	flagKeyed   = 1 << iota
	flagKeep    // of predictions
	flagDoubted // the trusted clock differed from the wall clock
	flagOrigin  // of predictions and actuals
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
		e.text = appendOrigin(e.text, r)
	case KindActuals:
		dst = appendActualNumbers(dst, r.Actuals)
		e.text = appendActualTexts(e.text[:0], r.Actuals)
		e.text = appendOrigin(e.text, r)
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
	if r.hasOrigin() {
		flags |= flagOrigin
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
	var origin *Origin
	if flags&flagOrigin != 0 {
		origin = &r.Origin
	}
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
		return d.texts(&c, func(text []byte) error { return readTexts(text, r.Batch, series, origin) })
	case KindActuals, kindBareActuals:
		d.actuals.Reset()
		r.Actuals = &d.actuals
		form := actualsForm{bare: kind == kindBareActuals}
		form.readNumbers(&c, r.Actuals)
		return d.texts(&c, func(text []byte) error { return form.readTexts(text, r.Actuals, origin) })
	case KindDeletion:
		r.Deletion = &Deletion{}
		return d.texts(&c, func(text []byte) error { return readDeletion(text, r.Deletion) })
	case kindIDDeletion:
		r.Deletion = &Deletion{}
		return d.texts(&c, func(text []byte) error { return readIDDeletion(text, r.Deletion) })
	default:
		return fmt.Errorf("%w: record type %d", base.ErrVersion, kind)
	}
}

// flagsOf returns the flags that a record of a type may have.
func flagsOf(kind uint8) uint8 {
	switch kind {
	case KindPredictions:
		return flagKeyed | flagKeep | flagDoubted | flagOrigin
	case KindActuals:
		return flagKeyed | flagDoubted | flagOrigin
	default:
		return flagKeyed | flagDoubted
	}
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

// OfAllModels tells whether a record is about every model: a deletion that names none.
func (r *Record) OfAllModels() bool { return r.Kind() == KindDeletion && len(r.Deletion.Models) == 0 }

// EachSource calls f for the sources of the positions that a record sets; for some more than once.
func (r *Record) EachSource(f func(source string)) {
	last := ""
	for i := range r.Origin.Positions {
		if source := r.Origin.Positions[i].Source; source != last {
			f(source)
			last = source
		}
	}
}

// EachModel calls f for the models that a record names; for some more than once.
func (r *Record) EachModel(f func(model string)) {
	switch r.Kind() {
	case KindPredictions:
		for i := range r.Batch.Series {
			f(r.Batch.Series[i].Model)
		}
	case KindDeletion:
		for _, model := range r.Deletion.Models {
			f(model)
		}
	default:
		for _, model := range r.Actuals.Models {
			f(model)
		}
	}
}
