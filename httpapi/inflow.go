package httpapi

import (
	"errors"
	"hash"
	"io"

	"github.com/residualdb/residual/event"
)

// inflow follows the bytes of one body into a batch: it charges them to the budget, hashes them and decodes them piece
// by piece.
type inflow struct {
	server *Server
	pieces pieces
	hash   hash.Hash // nil without an idempotency key
	taken  int64
}

// arrived charges and hashes bytes of the decoded body.
func (in *inflow) arrived(p []byte) error {
	if !in.server.budget.take(int64(len(p))) {
		e := busy(in.server.limits.MaxIngests, "too many bytes are being taken in; send this request again")
		e.hangUp = true
		return e
	}
	in.taken += int64(len(p))
	if in.hash != nil {
		in.hash.Write(p)
	}
	return nil
}

// release gives the body's bytes back to the budget.
func (in *inflow) release() {
	in.server.budget.give(in.taken)
	in.taken = 0
}

func (in *inflow) sum() (sum [16]byte) {
	if in.hash != nil {
		copy(sum[:], in.hash.Sum(nil))
	}
	return sum
}

// decode reads the whole body into the batch.
func (in *inflow) decode(to *intake, format event.Format, rules event.Rules) error {
	if format == event.JSON {
		body, err := in.pieces.whole()
		if err != nil {
			return err
		}
		return decodeError(to.decoder.Decode(&to.batch, body, format, rules))
	}
	for {
		piece, err := in.pieces.next()
		if err == io.EOF { //nolint:errorlint // the end of the body is io.EOF itself
			return nil
		}
		if err != nil {
			return err
		}
		known := len(to.batch.Rejects)
		if err := to.decoder.Decode(&to.batch, piece, format, rules); err != nil {
			return decodeError(err)
		}
		for i := known; i < len(to.batch.Rejects); i++ {
			to.batch.Rejects[i].Line += in.pieces.lines
		}
	}
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
