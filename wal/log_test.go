package wal_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/wal"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir() + "/wal"
	var last wal.Position
	for round := range 5 {
		var got []string
		l, rec, err := wal.Open(dir, wal.Options{FileBytes: 64 << 10, Checkpoint: last}, func(r wal.Record) error {
			got = append(got, string(r.Payload))
			return nil
		})
		require.NoError(t, err)
		t.Log(round, rec, len(got))
		var wg sync.WaitGroup
		var lastLSN uint64
		for c := range 8 {
			wg.Go(func() {
				for i := range 50 {
					err := l.Append(context.Background(), 1, fmt.Appendf(nil, "%d %d %0*d", c, i, i*20, 1), func(lsn uint64) {
						if lastLSN != 0 && lsn != lastLSN+1 {
							t.Errorf("lsn %d after %d", lsn, lastLSN)
						}
						lastLSN = lsn
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if round == 2 {
			require.NoError(t, l.Cut(context.Background(), func(p wal.Position) { last = p }))
			require.NoError(t, l.Truncate(last))
		}
		t.Logf("%+v", l.Stats())
		if round != 3 {
			require.NoError(t, l.Close())
		}
	}
}
