package wal

import (
	"bytes"
	"hash/crc32"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// A fuzzed log file is short: its header without the zeros in it, then its records.
const fuzzedHeader = offUnused + 4

// fuzzedFile makes a log file of fuzzed bytes: with checksums, if asked for, so that what comes behind them is reached too.
func fuzzedFile(data []byte, reseal bool) []byte {
	if len(data) < fuzzedHeader {
		return bytes.Clone(data)
	}
	file := make([]byte, fileHeaderSize, fileHeaderSize+len(data))
	copy(file, data[:offUnused])
	copy(file[offFileCRC:], data[offUnused:fuzzedHeader])
	file = append(file, data[fuzzedHeader:]...)
	if !reseal {
		return file
	}
	copy(file, fileMagic)
	copy(file[offStoreID:], memStore[:])
	resealFileHeader(file)
	for b := file[fileHeaderSize:]; ; {
		n := resealRecord(b, checksumSeed(memStore))
		if n == 0 {
			return file
		}
		b = b[n:]
	}
}

// fuzzSeed is the short form of a log file with records of these kinds, the first of which begins a group.
func fuzzSeed(kinds ...uint8) []byte {
	h := fileHeader{number: 1, storeID: memStore, firstLSN: 1, length: fileHeaderSize}
	file := make([]byte, fileHeaderSize)
	h.encode(file)
	data := slices.Concat(file[:offUnused], file[offFileCRC:])
	var lsn uint64
	var crc uint32
	for i, kind := range kinds {
		payload := bytes.Repeat([]byte{'a' + byte(i)}, 5*i)
		if kind <= TypeMax || kind == typeGap {
			lsn++
		}
		frame := make([]byte, frameSize(len(payload)))
		copy(frame[recordHeaderSize:], payload)
		crc = sealRecord(frame, recordHeader{
			length: uint32(len(payload)), lsn: lsn, prevCRC: crc, file: 1, syncedOff: fileHeaderSize, kind: kind,
		}, checksumSeed(memStore))
		data = append(data, frame...)
	}
	return data
}

func addFuzzSeeds(f *testing.F) {
	f.Helper()
	sound := fuzzSeed(1, 2, typePad, TypeMax, typePad)
	for _, reseal := range []bool{true, false} {
		f.Add([]byte{}, reseal)
		f.Add(make([]byte, 200), reseal)
		f.Add(sound, reseal)
		f.Add(sound[:len(sound)-3], reseal)
		f.Add(append(sound[:150:150], sound[158:]...), reseal)
		f.Add(fuzzSeed(1, typeGap, 1, typeEnd), reseal)
		f.Add(fuzzSeed(1, 0xF0), reseal)
	}
}

// FuzzRecover reads and verifies a log file of any content: there is no panic, no other error than is declared, no record
// that is not in the input, no memory beyond the size of the input, and both agree on whether there is damage.
func FuzzRecover(f *testing.F) {
	addFuzzSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, reseal bool) {
		file := fuzzedFile(data, reseal)
		m := memFS{files: map[string][]byte{smallFirst: file}}
		measured := crc32.ChecksumIEEE(data)%64 == 0 // It stops the world.
		var before, after runtime.MemStats
		if measured {
			runtime.ReadMemStats(&before)
		}
		records, _, err := m.read()
		if measured {
			runtime.ReadMemStats(&after)
			require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10+8*len(file)))
		}
		require.True(t, err == nil || declared(err), "%v", err)
		for _, p := range records {
			require.True(t, bytes.Contains(file, p))
		}
		report, verifyErr := Verify(m, "/wal", memStore, Position{})
		require.NoError(t, verifyErr)
		require.Equal(t, err == nil, len(report.Findings) == 0, "%v, %v", err, report.Findings)
		if err == nil {
			require.EqualValues(t, len(records), report.Records)
		}
	})
}

// FuzzSalvage salvages a log file of any content: either it is refused and left alone, or the log opens again with no
// fewer records than were read before the damage, and none that is not in the input.
func FuzzSalvage(f *testing.F) {
	addFuzzSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, reseal bool) {
		file := fuzzedFile(data, reseal)
		m := memFS{files: map[string][]byte{smallFirst: file}}
		records, _, _ := m.read()
		disk := simdisk.New(simdisk.Options{})
		m.store(t, disk)
		if _, err := Salvage(disk, "/wal", memStore, Position{}); err != nil {
			require.True(t, declared(err), "%v", err)
			require.True(t, m.equal(load(t, disk)))
			return
		}
		l, rec, err := Open("/wal", Options{FS: disk, StoreID: memStore, FileBytes: fileBytesMin}, func(r Record) error {
			require.True(t, bytes.Contains(file, r.Payload))
			return nil
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, rec.Records, uint64(len(records)))
		require.NoError(t, l.Close())
	})
}
