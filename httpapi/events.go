package httpapi

import (
	"context"
	"crypto/sha256"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// intake is the memory of one request on its way in: a decoder with its interned names, and the batch it fills. It
// belongs to one request at a time and goes back to the pool only after the store is done with the batch.
type intake struct {
	decoder *event.Decoder
	batch   event.Batch
}

// postEvents serves POST /v0/events.
func (s *Server) postEvents(c *call) error {
	if err := s.checkSource(c); err != nil {
		return err
	}
	format, err := c.eventFormat()
	if err != nil {
		return err
	}
	wait, err := c.params.boolean("wait")
	if err != nil {
		return err
	}
	done, err := s.ingest(c, format)
	if err != nil {
		return err
	}
	status := fasthttp.StatusAccepted
	if wait {
		status = fasthttp.StatusOK
	}
	c.sendAppended(status, done)
	return nil
}

// checkSource finds the data source a request names and whether the token may append to it.
func (s *Server) checkSource(c *call) error {
	name, given, err := c.params.text("name")
	if err != nil {
		return err
	}
	if !given || len(name) == 0 {
		return badParameter("the parameter name is missing; it names the data source, such as %s", predictionsName)
	}
	if string(name) != predictionsName {
		return notFound("the data source %s does not exist; %s does", shown(name), predictionsName)
	}
	return s.allow(c, scope{kind: appendSource, name: predictionsName})
}

func (c *call) eventFormat() (event.Format, error) {
	name, err := c.params.textOr("format", "ndjson")
	if err != nil {
		return 0, err
	}
	switch name {
	case "ndjson":
		return event.NDJSON, nil
	case "json":
		return event.JSON, nil
	}
	return 0, badParameter("the parameter format is %s; ndjson and json are allowed", shown(name))
}

// ingest takes the body in and stores it as one batch.
func (s *Server) ingest(c *call, format event.Format) (engine.Appended, error) {
	key, err := idempotencyKey(&c.ctx.Request.Header)
	if err != nil {
		return engine.Appended{}, err
	}
	reader, closeBody, err := s.openBody(c.ctx, s.limits.MaxBodyBytes)
	if err != nil {
		return engine.Appended{}, err
	}
	defer closeBody()

	in := &inflow{server: s, pieces: pieces{from: reader}}
	if key != "" {
		in.hash = sha256.New()
	}
	in.pieces.read = in.arrived
	defer in.release()
	// A body that trickles in holds a connection, but no slot.
	if err := in.pieces.fill(pieceBytes); err != nil {
		return engine.Appended{}, err
	}
	if !s.ingests.enter() {
		return engine.Appended{}, busy(s.limits.MaxIngests, "too many requests are being taken in; send this one again")
	}
	defer s.ingests.leave()

	intake := s.intakes.Get().(*intake)
	intake.batch.Reset()
	if err := in.decode(intake, format, c.store.Rules()); err != nil {
		s.intakes.Put(intake)
		return engine.Appended{}, err
	}
	done, err := s.append(c.store, &intake.batch, engine.Key{ID: key, Hash: in.sum()})
	if err == nil {
		s.counts.taken(done)
		s.intakes.Put(intake)
	}
	return done, err
}

// append hands a batch to the store. The context does not end with the connection: what was sent is stored.
func (s *Server) append(store Store, batch *event.Batch, key engine.Key) (engine.Appended, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.AppendTimeout)
	defer cancel()
	if key.ID == "" {
		return store.Append(ctx, batch)
	}
	return store.AppendOnce(ctx, batch, key)
}

// sendAppended answers with the two counts that every client of this API relies on.
func (c *call) sendAppended(status int, done engine.Appended) {
	body := append(c.ctx.Response.SwapBody(nil)[:0], `{"successful_rows":`...)
	body = strconv.AppendInt(body, int64(done.Successful), 10)
	body = append(body, `,"quarantined_rows":`...)
	body = strconv.AppendInt(body, int64(done.Quarantined), 10)
	c.ctx.Response.SwapBody(append(body, "}\n"...))
	c.ctx.SetStatusCode(status)
	c.ctx.SetContentType("application/json; charset=utf-8")
	if done.Duplicate {
		c.ctx.Response.Header.Set("Idempotent-Replayed", "true")
	}
}

// idempotencyKey returns the key of a request, empty if it has none.
func idempotencyKey(header *fasthttp.RequestHeader) (string, error) {
	key := header.Peek("Idempotency-Key")
	if key == nil {
		return "", nil
	}
	printable := len(key) >= 1 && len(key) <= maxKeyBytes
	for _, b := range key {
		printable = printable && b >= ' ' && b <= '~'
	}
	if !printable {
		return "", answer(fasthttp.StatusBadRequest, "idempotency",
			"the Idempotency-Key %s has %d bytes; 1 to %d printable ASCII characters are allowed", shown(key), len(key), maxKeyBytes)
	}
	return string(key), nil
}
