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
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// withCRC ends the input with its CRC, so that the fuzzer gets past it.
func withCRC(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, castagnoli))
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
	f.Add([]byte(manifestMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m *manifest
		var err error
		requireFrugal(t, body, func() { m, err = decodeManifest(withCRC(body), goldenStore) })
		requireDeclared(t, err)
		if err != nil {
			require.Nil(t, m)
			return
		}
		again, err := decodeManifest(m.encode(goldenStore), goldenStore)
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func FuzzPackDirectory(f *testing.F) {
	dir := appendPackDirectory(nil, []packEntry{{"model", 680, 64, 9, 1}, {"n", -1, 80, 16, 2}}, 96)
	f.Add(dir[:len(dir)-packFooterBytes])
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		const end = 1 << 40
		var entries []packEntry
		var err error
		requireFrugal(t, b, func() { entries, err = parsePackDirectory(b, crc32.Checksum(b, castagnoli), end) })
		requireDeclared(t, err)
		if err != nil {
			return
		}
		at := int64(packHeaderBytes)
		for _, e := range entries {
			require.GreaterOrEqual(t, e.offset, at)
			require.GreaterOrEqual(t, e.length, int64(0))
			require.LessOrEqual(t, e.offset+e.length, int64(end))
			at = e.offset + e.length
		}
	})
}

// FuzzPack opens whole files, as they are and with the checksums of header and footer made good.
func FuzzPack(f *testing.F) {
	f.Add(golden(f, "pack"))
	f.Add(make([]byte, packHeaderBytes+packFooterBytes))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(b); n >= packHeaderBytes+packFooterBytes {
			b = bytes.Clone(b)
			header, footer := b[:packHeaderBytes], b[n-packFooterBytes:]
			binary.LittleEndian.PutUint32(header[packHeaderBytes-4:], crc32.Checksum(header[:packHeaderBytes-4], castagnoli))
			binary.LittleEndian.PutUint32(footer[28:], crc32.Checksum(footer[:28], castagnoli))
		}
		disk := simdisk.New(simdisk.Options{})
		file, err := disk.Create("/" + packName(8))
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFull(file, b, 0))
		ref := fileRef{number: 8, size: int64(len(b))}
		if len(b) >= packFooterBytes {
			ref.crc = binary.LittleEndian.Uint32(b[len(b)-packFooterBytes+16:])
		}
		requireFrugal(t, b, func() {
			p, err := openPack(newPackFiles(disk), "/", goldenStore, ref)
			requireDeclared(t, err)
			if err == nil {
				requireDeclared(t, p.verify())
				p.close()
			}
		})
	})
}

func FuzzList(f *testing.F) {
	kinds := map[string]listKind{"keys": listKeys, "keys-2": listKeys, "quarantine": listRejects, "orphans": listActuals, "actuals-2": listActuals}
	for name, kind := range kinds {
		whole := golden(f, name)
		f.Add(byte(kind), whole[:len(whole)-4])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		k := listKind(kind%3) + listKeys
		requireFrugal(t, body, func() {
			c, _, err := openList(withCRC(body), goldenStore, k)
			if err == nil {
				switch k {
				case listKeys:
					err = decodeKeys(c, func(keyEntry) {})
				case listRejects:
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
		var d recordDecoder
		var r record
		var err error
		n := allocated(func() { err = d.decode(&r, kind, payload) })
		require.LessOrEqual(t, n, uint64(64*(len(payload)+cap(d.text))+64<<10)) // the text was compressed
		require.LessOrEqual(t, cap(d.text), recordTextBytesMax*3/2)
		requireDeclared(t, err)
		if err != nil {
			return
		}
		var e recordEncoder
		var again recordDecoder
		var read record
		require.NoError(t, again.decode(&read, r.kind(), bytes.Clone(e.encode(&r))))
		require.Equal(t, r.at, read.at)
		require.Equal(t, r.rows(), read.rows())
	})
}
