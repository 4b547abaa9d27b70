package sidecar_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/sidecar"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/testing/golden"
)

// withCRC ends the input with its CRC, so that the fuzzer gets past it.
func withCRC(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// requireDeclared holds that an error is of a class for damage.
func requireDeclared(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, base.ErrCorrupt) && !errors.Is(err, base.ErrVersion) {
		t.Fatalf("not a declared error: %v", err)
	}
}

func FuzzList(f *testing.F) {
	kinds := map[string]store.ListKind{
		"keys": store.ListKeys, "keys-2": store.ListKeys, "quarantine": store.ListRejects, "orphans": store.ListActuals, "actuals-2": store.ListActuals,
		"quarantine-2": store.ListRejects, "positions": store.ListPositions, "positions-changed": store.ListPositions,
	}
	for name, kind := range kinds {
		whole := golden.Read(f, name)
		f.Add(byte(kind), whole[:len(whole)-4])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		k := store.ListKind(kind%4) + store.ListKeys
		golden.Frugal(t, body, func() {
			l, _, err := store.DecodeList(withCRC(body), goldenStore, k)
			if err == nil {
				err = sidecar.Sinks{}.Decode(l)
			}
			requireDeclared(t, err)
		})
	})
}
