package wal

import (
	"fmt"
	"time"
)

// Recovered says what Open found.
type Recovered struct {
	Contents

	Duration time.Duration

	// BrokenFile is the newest file as it was, if it had a torn tail. It is kept until BrokenMax later ones are.
	BrokenFile string
}

// recovery is what the reading part of Open found, for the part that writes.
type recovery struct {
	dir   dir
	opts  Options
	names fileNames
	found Recovered

	header fileHeader // of the newest file; its number is zero if there is no log file
	end    fileEnd    // of the log
	files  *fileList
}

// recoverLog is the reading part of Open: steps 1 to 6 of docs/durability.md. It changes nothing.
func recoverLog(d dir, opts Options, replay func(Record) error) (*recovery, error) {
	names, err := d.list(opts.Checkpoint)
	if err != nil {
		return nil, err
	}
	r := newReader(d, opts.StoreID, opts.Checkpoint)
	r.record = func(f frame) error {
		if err := replay(Record{LSN: f.lsn, Type: f.kind, Payload: f.payload()}); err != nil {
			return fmt.Errorf("replay record %d: %w", f.lsn, err)
		}
		return nil
	}
	if err := r.log(names.logs); err != nil {
		return nil, err
	}
	return &recovery{
		dir: d, opts: opts, names: names, found: Recovered{Contents: r.found}, header: r.header, end: r.prev, files: r.files,
	}, nil
}
