package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/testing/golden"
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
	if err != nil && !errors.Is(err, base.ErrCorrupt) && !errors.Is(err, base.ErrVersion) {
		t.Fatalf("not a declared error: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	whole := golden.Read(f, "manifest")
	f.Add(whole[:len(whole)-4])
	for _, name := range []string{"manifest-2", "manifest-3", "manifest-4"} {
		later := golden.Read(f, name)
		f.Add(later[:len(later)-4])
	}
	f.Add([]byte(manifestMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m *Manifest
		var err error
		golden.Frugal(t, body, func() { m, err = DecodeManifest(withCRC(body), goldenStore) })
		requireDeclared(t, err)
		if err != nil {
			require.Nil(t, m)
			return
		}
		again, err := DecodeManifest(m.Encode(goldenStore), goldenStore)
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func FuzzPackDirectory(f *testing.F) {
	dir := appendPackDirectory(nil, []PackEntry{{Model: "model", Month: 680, Offset: 64, Length: 9, CRC: 1}, {Model: "n", Month: -1, Offset: 80, Length: 16, CRC: 2}}, 96)
	f.Add(dir[:len(dir)-packFooterBytes])
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		const end = 1 << 40
		var entries []PackEntry
		var err error
		golden.Frugal(t, b, func() { entries, err = parsePackDirectory(b, crc32.Checksum(b, castagnoli), end) })
		requireDeclared(t, err)
		if err != nil {
			return
		}
		at := int64(packHeaderBytes)
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
	f.Add(golden.Read(f, "pack"))
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
		ref := FileRef{Number: 8, Size: int64(len(b))}
		if len(b) >= packFooterBytes {
			ref.CRC = binary.LittleEndian.Uint32(b[len(b)-packFooterBytes+16:])
		}
		golden.Frugal(t, b, func() {
			p, err := openPack(newPackFiles(disk), "/"+packName(8), goldenStore, ref)
			requireDeclared(t, err)
			if err == nil {
				requireDeclared(t, p.verify())
			}
		})
	})
}
