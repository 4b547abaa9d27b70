package httpapi

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// intake is the memory of one request on its way in: the batch that decoders fill. It belongs to one request at a time
// and goes back to the free list only when the store is done with the batch.
type intake struct {
	decoder *event.Decoder // while it is this request's turn
	batch   event.Batch
	actuals event.Actuals
}

func (in *intake) reset() {
	in.batch.Reset()
	in.actuals.Reset()
}

// inflow follows the bytes of one body into an intake: it charges them to the budget, and decodes and hashes them piece
// by piece.
type inflow struct {
	server *Server
	call   *call
	source *source
	format event.Format
	buffer *[]byte // of the free list, nil once it is back
	pieces pieces
	hash   *bodyHash // nil without an idempotency key
	taken  int64
}

// ingest takes the body in and stores it as one batch.
func (s *Server) ingest(c *call, src *source, format event.Format, body io.Reader) (engine.Appended, error) {
	var key engine.Key
	given, err := idempotencyKey(&c.ctx.Request.Header)
	if err != nil {
		return engine.Appended{}, err
	}
	if given != "" {
		key.ID = scopedKey(c.holder.name, src.name, given)
	}
	if e := s.refusal(c.store); e != nil {
		if e.text == memoryFull {
			s.counts.heapFull.Add(1)
		}
		return engine.Appended{}, e
	}
	// Who waits costs a connection, because its body is not read.
	if !s.ingests.wait(s.limits.AdmitTimeout) {
		return engine.Appended{}, s.overIngests()
	}
	place := s.ingests.lend(s.limits.AdmitTimeout)
	defer place.leave()
	// A body that could not be charged anyway is not read. This charges nothing: a head alone reserves no memory.
	if declared := c.ctx.Request.Header.ContentLength(); !s.budget.fits(int64(declared)) {
		return engine.Appended{}, s.overBudget()
	}
	buffer := s.buffers.Get()
	in := &inflow{server: s, call: c, source: src, format: format, buffer: buffer, pieces: pieces{from: body, buf: (*buffer)[:0]}}
	defer in.release()
	defer in.putBuffer()
	in.pieces.read, in.pieces.done = in.arrived, in.passed
	if key.ID != "" {
		in.hash = newBodyHash(src.name, format.String())
	}
	if err := in.pieces.fill(pieceBytes); err != nil {
		return engine.Appended{}, err
	}
	if !place.keep() {
		return engine.Appended{}, s.overIngests()
	}

	to := s.intakes.Get()
	to.reset()
	if err := in.decode(to, c.store.Rules()); err != nil {
		s.intakes.Put(to)
		return engine.Appended{}, err
	}
	in.putBuffer() // the store may take its time
	if in.hash != nil {
		key.Hash = in.hash.sum()
	}
	// The context does not end with the connection: what was sent is stored.
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.AppendTimeout)
	defer cancel()
	done, err := src.append(ctx, c.store, to, key)
	if err == nil {
		s.counts.taken(done, in.taken)
		s.intakes.Put(to)
	}
	return done, err
}

// arrived charges bytes of the decoded body.
func (in *inflow) arrived(p []byte) error {
	if err := in.call.hold(len(p)); err != nil {
		return err
	}
	in.taken += int64(len(p))
	return nil
}

func (s *Server) overIngests() *answerError {
	s.counts.ingestsFull.Add(1)
	e := busy(s.limits.IngestsMax, "too many requests are being taken in; send this one again")
	e.hangUp = true // the body is not read
	return e
}

// hold charges bytes that came in with the call's request to the bytes in flight, until release.
func (c *call) hold(n int) error {
	budget := &c.server.budget
	if budget.take(int64(n)) {
		c.held += int64(n)
		return nil
	}
	if c.held+int64(n) > budget.limit {
		return tooLarge("the file and its rows are more than the %d bytes that are taken in at one time; send it in parts", budget.limit)
	}
	return c.server.overBudget()
}

func (s *Server) overBudget() error {
	s.counts.bytesFull.Add(1)
	e := busy(s.limits.IngestsMax, "too many bytes are being taken in; send this request again")
	e.hangUp = true
	return e
}

// passed hashes a piece of the decoded body.
func (in *inflow) passed(p []byte) {
	if in.hash != nil {
		in.hash.add(p)
	}
}

// putBuffer ends the use of the pieces.
func (in *inflow) putBuffer() {
	if in.buffer != nil && cap(in.pieces.buf) <= pieceBytes {
		*in.buffer = in.pieces.buf
		in.server.buffers.Put(in.buffer)
	}
	in.buffer, in.pieces.buf = nil, nil
}

// release gives the body's bytes back to the budget.
func (in *inflow) release() {
	in.server.budget.give(in.taken)
	in.taken = 0
}

// decode reads the whole body into the intake.
func (in *inflow) decode(to *intake, rules event.Rules) error {
	if in.format == event.JSON {
		body, err := in.pieces.whole()
		if err != nil {
			return err
		}
		in.passed(body)
		return in.decodePiece(to, body, rules)
	}
	if in.pieces.beginsArray() {
		return in.decodeArray(to, rules)
	}
	for {
		piece, err := in.pieces.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		known := len(in.source.rejects(to))
		if err := in.decodePiece(to, piece, rules); err != nil {
			return err
		}
		rejects := in.source.rejects(to)
		for i := known; i < len(rejects); i++ {
			rejects[i].Line += in.pieces.lines
		}
	}
}

// decodeArray decodes as lines what may be one JSON array. Where it is one and no line of it is an event, its sender meant another
// format and is told so: rejects in the quarantine would go unnoticed.
func (in *inflow) decodeArray(to *intake, rules event.Rules) error {
	body, err := in.pieces.whole()
	if err != nil {
		return err
	}
	in.passed(body)
	if err := in.decodePiece(to, body, rules); err != nil {
		return err
	}
	if in.source.rows(to) == 0 && event.IsArray(body) {
		return badRequest("the body is one JSON array, of which no line is an event: send it with format=json, or one event per line")
	}
	return nil
}

// decodePiece decodes some lines, or a whole document.
func (in *inflow) decodePiece(to *intake, piece []byte, rules event.Rules) error {
	var err error
	in.server.decodes.decode(len(piece), func(d *event.Decoder) {
		begin := time.Now()
		to.decoder = d
		err = in.source.decode(to, piece, in.format, rules)
		in.server.counts.decodeNanos.Add(uint64(time.Since(begin)))
	})
	return decodeError(err)
}

func decodeError(err error) error {
	switch {
	case errors.Is(err, event.ErrMalformed):
		return badRequest("the body is not one JSON object or one JSON array, as format=json promises")
	case errors.Is(err, event.ErrTooLarge):
		return tooLarge("the texts of this request do not fit one batch; send fewer events per request")
	}
	return err
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
		return "", answer(fasthttp.StatusBadRequest, "idempotency",
			"the Idempotency-Key %s has %d bytes; 1 to %d printable ASCII characters are allowed", shown(key), len(key), keyBytesMax)
	}
	return string(key), nil
}
