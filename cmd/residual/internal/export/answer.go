package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

const (
	// pipe is the one that answers with rows.
	pipe = "predictions"
	// readBytes is how much of an answer is held.
	readBytes = 64 << 10
)

var (
	errSilent = errors.New("the server has stopped sending")
	errCut    = errors.New("the answer is cut short")
)

// copyAnswer asks for rows and writes them as they come. A failure to write is not one of the server: [client.Permanent].
func (e *Export) copyAnswer(ctx context.Context, parameters url.Values, to io.Writer) (Counts, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answer, err := e.Client.Pipe(ctx, pipe, e.Question.Format, parameters)
	if err != nil {
		return Counts{}, err
	}
	defer answer.Close()
	silence := cmp.Or(e.Silence, time.Minute)
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	var done Counts
	rows := counterOf(e.Question.Format)
	if rows.header {
		if _, err := to.Write(e.Header); err != nil {
			return done, client.Permanent(err)
		}
	}
	buffer := make([]byte, readBytes)
	for {
		watch.Reset(silence)
		n, err := answer.Read(buffer)
		watch.Stop() // writing may take as long as it likes
		if n > 0 {
			before := rows.rows
			rows.count(buffer[:n])
			done = Counts{rows.rows, done.Bytes + int64(n)}
			e.progress(Counts{rows.rows - before, int64(n)})
			if _, err := to.Write(buffer[:n]); err != nil {
				return done, client.Permanent(err)
			}
		}
		if errors.Is(err, io.EOF) {
			return done, rows.end()
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return done, fmt.Errorf("read the answer: %w", err)
		}
	}
}

// counter counts the rows in an answer, and sees whether the answer ends where a row does.
type counter struct {
	header bool
	rows   int64
	// quotes tells that a line's end between quotes ends no row; quoted that such quotes are open.
	quotes, quoted bool
	// file tells that the answer is a Parquet file, which is not counted here.
	file bool
	last [len(parquetMagic)]byte
	size int64
}

const parquetMagic = "PAR1"

func counterOf(format string) *counter {
	return &counter{header: format == CSV, quotes: format == CSV, file: format == Parquet}
}

// count goes on by a piece of the answer.
func (c *counter) count(piece []byte) {
	c.size += int64(len(piece))
	tail := append(c.last[:], piece[max(0, len(piece)-len(c.last)):]...)
	copy(c.last[:], tail[len(tail)-len(c.last):])
	switch {
	case c.file:
	case !c.quotes:
		c.rows += int64(bytes.Count(piece, []byte{'\n'}))
	default:
		for len(piece) > 0 {
			run, rest, found := bytes.Cut(piece, []byte{'"'})
			if !c.quoted {
				c.rows += int64(bytes.Count(run, []byte{'\n'}))
			}
			if found {
				c.quoted = !c.quoted
			}
			piece = rest
		}
	}
}

// end returns an error for an answer that does not end as one does.
func (c *counter) end() error {
	switch {
	case c.file && (c.size < 2*int64(len(parquetMagic)) || string(c.last[:]) != parquetMagic):
		return errCut
	case !c.file && (c.quoted || c.size > 0 && c.last[len(c.last)-1] != '\n'):
		return errCut
	}
	return nil
}
