package wal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/residualdb/residual/wal"
)

// A log is opened with what is to be done with the records in it, and closed.
func Example() {
	dir, _ := os.MkdirTemp("", "wal")
	defer os.RemoveAll(dir)
	opts := wal.Options{StoreID: [16]byte{1, 2, 3}} // Random, and kept with the store.

	open := func() *wal.Log {
		log, recovered, err := wal.Open(filepath.Join(dir, "wal"), opts, func(r wal.Record) error {
			fmt.Printf("replayed %d: %s\n", r.LSN, r.Payload)
			return nil
		})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("records found:", recovered.Records)
		return log
	}

	log := open()
	publish := func(lsn uint64) { fmt.Println("visible:", lsn) }
	for _, record := range []string{"one", "two"} {
		if err := log.Append(context.Background(), 1, []byte(record), publish); err != nil {
			fmt.Println(err)
		}
		fmt.Println("on disk:", record)
	}
	log.Close()
	open().Close()
	// Output:
	// records found: 0
	// visible: 1
	// on disk: one
	// visible: 2
	// on disk: two
	// replayed 1: one
	// replayed 2: two
	// records found: 2
}

// A caller that keeps the records elsewhere cuts the log, makes its own copy durable together with the position, and
// truncates.
func ExampleLog_Rotate() {
	dir, _ := os.MkdirTemp("", "wal")
	defer os.RemoveAll(dir)
	log, _, err := wal.Open(filepath.Join(dir, "wal"), wal.Options{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer log.Close()
	ctx := context.Background()
	var sum int // what the records add up to, changed by publish alone
	for n := range 10 {
		_ = log.Append(ctx, 1, []byte{byte(n)}, func(uint64) { sum += n })
	}
	var stored int
	var position wal.Position
	_ = log.Rotate(ctx, func(p wal.Position) { stored, position = sum, p })
	// Here stored and position are written to a file and synced.
	_ = log.Truncate(position)
	fmt.Println("records up to", position.LSN, "are in the sum", stored, "and", log.Size(), "bytes in the log")
	// Output: records up to 10 are in the sum 45 and 0 bytes in the log
}
