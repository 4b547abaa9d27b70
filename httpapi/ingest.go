package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/body"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/rowfile"
	"github.com/residualdb/residual/internal/thread"
)

// intake is the batch that a request becomes. It belongs to one request at a time and goes back to the pool of the server only
// when the store is done with it.
type intake struct {
	batch   event.Batch
	actuals event.Actuals
}

// submission is the rows of one request on their way into the store.
type submission struct {
	source *source
	format event.Format
	body   io.Reader
	// declared is the length of the body in the head, negative if there is none.
	declared int64
	// key has no Hash yet; its ID is empty without an idempotency key. Where repeats is set, that becomes what the body comes to.
	key     engine.Key
	repeats func(hash [16]byte) string
	// within is a pattern of the models that the sender may send, empty for every one.
	within string
}

// submit stores the rows in the body of a request, for which reader stands.
// repeatable tells that a request of the same body may be the same one, sent again.
func (c *call) submit(src *source, format event.Format, reader io.Reader, repeatable bool) (engine.Appended, error) {
	given, err := idempotencyKey(&c.Ctx.Request.Header)
	if err != nil {
		return engine.Appended{}, err
	}
	in := submission{
		source: src, format: format, body: reader, declared: int64(c.Ctx.Request.Header.ContentLength()), within: c.Principal.Within,
	}
	switch {
	case given != "":
		in.key.ID = scopedKey(&c.Principal, src.name, given)
	case repeatable:
		in.repeats = func(hash [16]byte) string {
			return c.server.repeats.key(&c.Principal, src.name, hash, c.server.opts.Now())
		}
	}
	return c.server.ingest(c.store, &in, &c.Charge)
}

// ingest takes rows in and stores them as one batch. What it reads is charged to charge.
func (s *Server) ingest(store Store, in *submission, charge *admission.Charge) (engine.Appended, error) {
	if e := s.refusal(store); e != nil {
		if e.Text == memoryFull {
			s.memory.Refused.Add(1)
		}
		return engine.Appended{}, e
	}
	// A request that waits costs a connection, because its body is not read.
	slot := s.ingests.TakeProvisional(s.limits.AdmitTimeout)
	if slot == nil {
		return engine.Appended{}, s.overIngests()
	}
	defer slot.Give()
	to, bytes, err := s.take(slot, store, in, charge)
	if err != nil {
		return engine.Appended{}, err
	}
	// The context does not end with the connection: what was sent is stored.
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.AppendTimeout)
	defer cancel()
	done, err := in.source.store(ctx, store, to, in.key)
	if err == nil {
		s.counts.Stored(done, bytes)
		in.source.counts.stored(done, bytes)
		s.intakes.Put(to)
	}
	return done, err
}

// take reads and decodes the body, of so many bytes, into an intake, and sets the hash of the idempotency key. The buffer for
// the body is free again when it returns: the store may take its time.
func (s *Server) take(slot *admission.Provisional, store Store, in *submission, charge *admission.Charge) (to *intake, bytes int64, err error) {
	// A body that could not be charged anyway is not read. This charges nothing: a head alone reserves no memory.
	if err := charge.Check(in.declared); err != nil {
		return nil, 0, err
	}
	var hash *body.Hash
	if in.key.ID != "" || in.repeats != nil {
		hash = body.NewHash(in.source.name, in.format.String())
	}
	read := charge.Reader(in.body)
	var buffer []byte
	if kept, ok := s.buffers.Get().(*[]byte); ok {
		buffer = *kept
	}
	lines := body.NewLines(read, buffer, hash)
	defer s.putBuffer(lines)
	if err := lines.Begin(); err != nil {
		return nil, 0, err
	}
	if !slot.Keep(s.limits.AdmitTimeout) {
		return nil, 0, s.overIngests()
	}
	to, ok := s.intakes.Get().(*intake)
	if !ok {
		to = new(intake)
	}
	to.batch.Reset()
	to.actuals.Reset()
	rules := store.Rules()
	if in.within != "" {
		rules.Within = engine.Names(in.within)
	}
	if err := s.decode(to, in, lines, rules); err != nil {
		s.intakes.Put(to)
		return nil, 0, err
	}
	if hash != nil {
		in.key.Hash = hash.Sum()
	}
	if in.repeats != nil {
		in.key.ID = in.repeats(in.key.Hash)
	}
	return to, read.N, nil
}

// putBuffer ends the use of lines.
func (s *Server) putBuffer(lines *body.Lines) {
	if buffer := lines.Buffer(); buffer != nil {
		s.buffers.Put(&buffer)
	}
}

func (s *Server) overIngests() error {
	// The body is not read.
	return problem.Busy(s.limits.IngestsMax, "too many requests are being taken in; send this one again").HangingUp()
}

// decode decodes the whole body into an intake.
func (s *Server) decode(to *intake, in *submission, lines *body.Lines, rules event.Rules) error {
	if err := notLines(lines.Start()); err != nil {
		return err
	}
	array := in.format == event.NDJSON && lines.BeginsArray()
	if in.format == event.JSON || array {
		whole, err := lines.Whole()
		if err != nil {
			return err
		}
		if err := s.decodePiece(to, in, whole, rules); err != nil {
			return err
		}
		// Rejects in the quarantine would go unnoticed where all of them are one array that was sent in another format.
		if array && in.source.rows(to) == 0 && event.IsArray(whole) {
			return problem.BadRequest("the body is one JSON array, of which no line is an event: send it with format=json, or one event per line")
		}
		return nil
	}
	for {
		piece, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		known := len(in.source.rejects(to))
		if err := s.decodePiece(to, in, piece, rules); err != nil {
			return err
		}
		rejects := in.source.rejects(to)
		for i := known; i < len(rejects); i++ {
			rejects[i].Line += lines.Before()
		}
	}
}

// notLines refuses a body that begins as something other than text: each of its lines would be a reject, which nobody may notice.
func notLines(start []byte) error {
	if packed := rowfile.CompressionOf(start); packed != rowfile.Plain {
		return problem.BadRequest("the body is compressed: send it with Content-Encoding: %s", packed)
	}
	if rowfile.IsWide(start) {
		return problem.BadRequest("the body is UTF-16: send UTF-8, or send it as a file to /v0/datasources")
	}
	format, err := rowfile.FormatOf(start, "")
	if err == nil && format == rowfile.ParquetFormat {
		return problem.BadRequest("the body is a Parquet file: send it to /v0/datasources")
	}
	return err
}

// decodePiece decodes some lines, or a whole document.
func (s *Server) decodePiece(to *intake, in *submission, piece []byte, rules event.Rules) (err error) {
	s.decodes.run(len(piece), in.source.decoders, func(d *event.Decoder) {
		begin := time.Now()
		err = in.source.decode(d, to, piece, in.format, rules)
		s.counts.DecodeNanos.Add(uint64(time.Since(begin)))
	})
	switch {
	case errors.Is(err, event.ErrMalformed):
		return problem.BadRequest("the body is not one JSON object or one JSON array, as format=json promises")
	case errors.Is(err, event.ErrTooLarge):
		return problem.TooLarge("the texts of this request do not fit one batch; send fewer events per request")
	}
	return err
}

// decodeSlots bounds the pieces of bodies that are decoded at one time: each holds one of the decoders, which keep what they
// learned, a few hundred KiB.
type decodeSlots struct {
	decoders chan *event.Decoder
	// threads run the decoding of long pieces below the priority of queries. Beside a load of 3 M rows on two processors, a
	// client that asks 100 times a second has a p99 of 2.7 ms with them and of 5.8 ms without; the budget is 5 ms.
	threads *thread.Background // nil unless the server serves
}

func newDecodeSlots(n int) decodeSlots {
	d := decodeSlots{decoders: make(chan *event.Decoder, n)}
	for range n {
		d.decoders <- event.NewDecoder()
	}
	return d
}

// threadBytes is the least that is decoded on another thread: a shorter piece is decoded before it gets there.
const threadBytes = 64 << 10

// run runs f with a decoder of a slot, or of a pool if that is not nil, for a piece of so many bytes.
func (d *decodeSlots) run(bytes int, pool *sync.Pool, f func(*event.Decoder)) {
	decoder := <-d.decoders
	defer func(slot *event.Decoder) { d.decoders <- slot }(decoder)
	if pool != nil {
		decoder = pool.Get().(*event.Decoder)
		defer pool.Put(decoder)
	}
	if bytes < threadBytes {
		f(decoder)
		return
	}
	d.threads.Do(func() { f(decoder) })
}

// idempotencyKey returns the key of a request, empty if it has none.
func idempotencyKey(header *fasthttp.RequestHeader) (string, error) {
	key := header.Peek("Idempotency-Key")
	if key == nil {
		return "", nil
	}
	printable := len(key) >= 1 && len(key) <= keyBytesMax
	for _, b := range key {
		printable = printable && b >= ' ' && b <= '~'
	}
	if !printable {
		return "", problem.New(fasthttp.StatusBadRequest, "idempotency",
			"the Idempotency-Key %s has %d bytes; 1 to %d printable ASCII characters are allowed", problem.Shown(key), len(key), keyBytesMax)
	}
	return string(key), nil
}

// scopedKeyPrefix begins the keys that scopedKey makes.
const scopedKeyPrefix = "sha256:"

// scopedKey is the key under which the store knows an idempotency key of a token's holder for a data source: each of them
// has keys of its own, and other ones where the token is bounded to other models. Without tokens, and for predictions, it is
// the key itself, as stores have it from before keys had holders; a key that could be taken for another holder's is not.
func scopedKey(who *auth.Principal, source, key string) string {
	if who.Name == "" && source == predictionsName && !strings.HasPrefix(key, scopedKeyPrefix) {
		return key
	}
	holder := who.Name
	if who.Within != "" {
		holder += "\x00" + who.Within
	}
	// Names of holders and sources, models and keys hold no zero byte.
	sum := sha256.Sum256([]byte(holder + "\x00" + source + "\x00" + key))
	return scopedKeyPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
