package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// withCRC ends the input with its CRC, so that the fuzzer gets past it.
func withCRC(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, store.Castagnoli))
}

// requireDeclared holds that an error is of a class for damage.
func requireDeclared(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
		t.Fatalf("not a declared error: %v", err)
	}
}

// requireFrugal holds that decode allocates no more than 64 times its input, and a little.
func requireFrugal(t *testing.T, input []byte, decode func()) {
	t.Helper()
	if n := allocated(decode); n > uint64(64*len(input)+64<<10) {
		t.Fatalf("%d bytes allocated for %d of input", n, len(input))
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzManifest(f *testing.F) {
	whole := golden(f, "manifest")
	f.Add(whole[:len(whole)-4])
	second := golden(f, "manifest-2")
	f.Add(second[:len(second)-4])
	f.Add([]byte(store.ManifestMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m *store.Manifest
		var err error
		requireFrugal(t, body, func() { m, err = store.DecodeManifest(withCRC(body), goldenStore) })
		requireDeclared(t, err)
		if err != nil {
			require.Nil(t, m)
			return
		}
		again, err := store.DecodeManifest(m.Encode(goldenStore), goldenStore)
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func FuzzPackDirectory(f *testing.F) {
	dir := store.AppendPackDirectory(nil, []store.PackEntry{{Model: "model", Month: 680, Offset: 64, Length: 9, CRC: 1}, {Model: "n", Month: -1, Offset: 80, Length: 16, CRC: 2}}, 96)
	f.Add(dir[:len(dir)-store.PackFooterBytes])
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		const end = 1 << 40
		var entries []store.PackEntry
		var err error
		requireFrugal(t, b, func() { entries, err = store.ParsePackDirectory(b, crc32.Checksum(b, store.Castagnoli), end) })
		requireDeclared(t, err)
		if err != nil {
			return
		}
		at := int64(store.PackHeaderBytes)
		for _, e := range entries {
			require.GreaterOrEqual(t, e.Offset, at)
			require.GreaterOrEqual(t, e.Length, int64(0))
			require.LessOrEqual(t, e.Offset+e.Length, int64(end))
			at = e.Offset + e.Length
		}
	})
}

// FuzzPack opens whole files, as they are and with the checksums of header and footer made good.
func FuzzPack(f *testing.F) {
	f.Add(golden(f, "pack"))
	f.Add(make([]byte, store.PackHeaderBytes+store.PackFooterBytes))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(b); n >= store.PackHeaderBytes+store.PackFooterBytes {
			b = bytes.Clone(b)
			header, footer := b[:store.PackHeaderBytes], b[n-store.PackFooterBytes:]
			binary.LittleEndian.PutUint32(header[store.PackHeaderBytes-4:], crc32.Checksum(header[:store.PackHeaderBytes-4], store.Castagnoli))
			binary.LittleEndian.PutUint32(footer[28:], crc32.Checksum(footer[:28], store.Castagnoli))
		}
		disk := simdisk.New(simdisk.Options{})
		file, err := disk.Create("/" + store.PackName(8))
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFull(file, b, 0))
		ref := store.FileRef{Number: 8, Size: int64(len(b))}
		if len(b) >= store.PackFooterBytes {
			ref.CRC = binary.LittleEndian.Uint32(b[len(b)-store.PackFooterBytes+16:])
		}
		requireFrugal(t, b, func() {
			p, err := store.OpenPack(store.NewPackFiles(disk), "/", goldenStore, ref)
			requireDeclared(t, err)
			if err == nil {
				requireDeclared(t, p.Verify())
				p.Close()
			}
		})
	})
}

func FuzzList(f *testing.F) {
	kinds := map[string]store.ListKind{"keys": store.ListKeys, "keys-2": store.ListKeys, "quarantine": store.ListRejects, "orphans": store.ListActuals, "actuals-2": store.ListActuals}
	for name, kind := range kinds {
		whole := golden(f, name)
		f.Add(byte(kind), whole[:len(whole)-4])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		k := store.ListKind(kind%3) + store.ListKeys
		requireFrugal(t, body, func() {
			c, _, err := store.OpenList(withCRC(body), goldenStore, k)
			if err == nil {
				switch k {
				case store.ListKeys:
					err = store.DecodeKeys(c, func(idempotency.Entry) {})
				case store.ListRejects:
					err = decodeRejects(c, func(QuarantineRow) {})
				default:
					err = decodeActuals(c, func(*actuals.Actual) {})
				}
			}
			requireDeclared(t, err)
		})
	})
}

func FuzzRecord(f *testing.F) {
	for name, r := range goldenRecords(f) {
		f.Add(r.kind, golden(f, name))
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		var d record.Decoder
		var r record.Record
		var err error
		n := allocated(func() { err = d.Decode(&r, kind, payload) })
		require.LessOrEqual(t, n, uint64(64*(len(payload)+cap(d.Text))+64<<10)) // the text was compressed
		require.LessOrEqual(t, cap(d.Text), record.TextBytesMax*3/2)
		requireDeclared(t, err)
		if err != nil {
			return
		}
		var e record.Encoder
		var again record.Decoder
		var read record.Record
		require.NoError(t, again.Decode(&read, r.Kind(), bytes.Clone(e.Encode(&r))))
		require.Equal(t, r.At, read.At)
		require.Equal(t, r.Rows(), read.Rows())
	})
}
