package export

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// Export is a question to a server, and who wants to know how it goes.
type Export struct {
	Client   *client.Client
	Question Question
	// Header is the first line of a file of CSV, which the server's answer is without.
	Header []byte
	// Silence is how long a server may send nothing of an answer that it has begun. Default: 1 minute.
	Silence time.Duration
	// OnProgress is called with what has come so far; rows of Parquet are counted when a file is whole. Default: nobody.
	OnProgress func(Counts)

	rows, bytes atomic.Int64
}

// Counts are what was written, in bytes before they are compressed.
type Counts struct{ Rows, Bytes int64 }

// progress adds to what has come; what is given up is taken back.
func (e *Export) progress(more Counts) {
	sum := Counts{Rows: e.rows.Add(more.Rows), Bytes: e.bytes.Add(more.Bytes)}
	if e.OnProgress != nil {
		e.OnProgress(sum)
	}
}

// Stream writes the rows to w, which takes an answer once: one that breaks off ends the export. Rows of Parquet are not counted.
func (e *Export) Stream(ctx context.Context, w io.Writer) (Counts, error) {
	packed, err := e.Question.pack(w)
	if err != nil {
		return Counts{}, err
	}
	var done Counts
	err = e.Client.Retry(ctx, func() error {
		n, err := e.copyAnswer(ctx, e.Question.Parameters, packed)
		if done = n; err != nil && done.Bytes > 0 {
			err = client.Permanent(err)
		}
		return err
	})
	if err == nil {
		err = packed.Close()
	}
	return done, err
}

// File writes the rows to a file, which is there when all of them are. A file of that name is an error, unless force has it replaced.
// What is no regular file is written to like a stream.
func (e *Export) File(ctx context.Context, name string, force bool) (Counts, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Counts{}, err
	case !info.Mode().IsRegular():
		return e.device(ctx, name)
	case !force:
		return Counts{}, refused("%s exists; --force replaces it", name)
	}
	root, base := filepath.Dir(name), filepath.Base(name)
	if err := removeTemps(root, base); err != nil {
		return Counts{}, err
	}
	var done Counts
	err = e.Client.Retry(ctx, func() error {
		file, err := createTemp(root, base)
		if err != nil {
			return client.Permanent(err)
		}
		defer file.discard()
		if done, err = e.fill(ctx, file, e.Question.Parameters); err != nil {
			return err
		}
		return client.Permanent(file.commit(name))
	})
	return done, err
}

// device writes to what is no regular file.
func (e *Export) device(ctx context.Context, name string) (done Counts, err error) {
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return Counts{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return e.Stream(ctx, file)
}

// fill writes the answer to a question to a file, and what it holds when it is whole.
func (e *Export) fill(ctx context.Context, file *temp, parameters url.Values) (done Counts, err error) {
	packed, err := e.Question.pack(file)
	if err != nil {
		return Counts{}, client.Permanent(err)
	}
	defer func() {
		if err != nil {
			e.progress(Counts{-done.Rows, -done.Bytes})
		}
	}()
	if done, err = e.copyAnswer(ctx, parameters, packed); err != nil {
		return done, err
	}
	if err := packed.Close(); err != nil {
		return done, client.Permanent(err)
	}
	if e.Question.Format == Parquet {
		rows, err := file.parquetRows()
		if err != nil {
			return done, err
		}
		done.Rows = rows
		e.progress(Counts{Rows: rows})
	}
	return done, nil
}
