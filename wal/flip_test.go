package wal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// declared says whether an error is of a class that is declared for reading a log.
func declared(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign) || errors.Is(err, ErrVersion)
}

// isPrefix says whether records are the first ones of a log.
func isPrefix(records, all [][]byte) bool {
	if len(records) > len(all) {
		return false
	}
	for i, p := range records {
		if !bytes.Equal(p, all[i]) {
			return false
		}
	}
	return true
}

// TestFlips flips single bits of a small log, every one if the sweeps are scaled up, and holds that it is either refused or
// read as if nothing had been. The one exception is the last group of a log that was not closed, before a sync mark
// vouches for it: damage there is a torn tail.
func TestFlips(t *testing.T) {
	for _, closed := range []bool{true, false} {
		small := makeSmallLog(t, closed)
		for _, name := range []string{smallFirst, smallSecond} {
			t.Run(fmt.Sprintf("closed=%v/%s", closed, name), func(t *testing.T) {
				t.Parallel()
				flips, refused := small.flipAll(t, name, closed)
				t.Logf("%d flips, %d refused", flips, refused)
			})
		}
	}
}

func (small smallLog) flipAll(t *testing.T, name string, closed bool) (flips, refused int) {
	t.Helper()
	data := bytes.Clone(small.files[name])
	flipped := small.with(name, data)
	for off := range data {
		if !worthTrying(data, off) {
			continue
		}
		for bit := range 8 {
			flips++
			data[off] ^= 1 << bit
			err := small.checkFlip(flipped, name, int64(off), closed)
			data[off] ^= 1 << bit
			switch {
			case errors.Is(err, errRefused):
				refused++
			case err != nil:
				t.Fatalf("bit %d of byte %d: %v", bit, off, err)
			}
		}
	}
	return flips, refused
}

// worthTrying leaves out most of the bytes that stand among zeros, of which one is like another, unless the sweeps are
// scaled up.
func worthTrying(data []byte, off int) bool {
	if scale, err := strconv.ParseFloat(flag.Lookup("crash.scale").Value.String(), 64); err == nil && scale >= 10 {
		return true
	}
	return off%191 == 0 || !isZero(data[max(0, off-8):min(len(data), off+9)])
}

var errRefused = errors.New("refused")

func (small smallLog) checkFlip(flipped memFS, name string, off int64, closed bool) error {
	records, r, err := flipped.read()
	report, verifyErr := Verify(flipped, "/wal", memStore, Position{})
	if verifyErr != nil {
		return verifyErr
	}
	if (err != nil) != (len(report.Findings) > 0) {
		return fmt.Errorf("open says %w, verify %v", err, report.Findings)
	}
	if err != nil {
		if !declared(err) {
			return fmt.Errorf("not a declared error: %w", err)
		}
		return errRefused
	}
	if !isPrefix(records, small.payloads) {
		return errors.New("not the records that were written")
	}
	inLast := !closed && name == smallSecond && off >= small.last
	if missing := len(small.payloads) - len(records); missing > 1 || missing == 1 && !inLast {
		return fmt.Errorf("%d records are missing", missing)
	}
	if inUse := name == smallSecond && off < small.end; inUse && r.found.TornBytes == 0 {
		return errors.New("not noticed")
	}
	return nil
}

// TestTruncated cuts each file at every byte.
func TestTruncated(t *testing.T) {
	small := makeSmallLog(t, true)
	for _, name := range []string{smallFirst, smallSecond} {
		for size := range small.files[name] {
			if !worthTrying(small.files[name], size) {
				continue
			}
			_, _, err := small.with(name, small.files[name][:size]).read()
			require.ErrorIs(t, err, ErrCorrupt, "%s cut at %d", name, size)
		}
	}
}

// TestTorn replaces what is behind every byte of each file, by zeros or garbage, as a crash does to what it was about to
// write: of the newest file the records before are read and no other, of an older one all that its successor knows of is
// needed.
func TestTorn(t *testing.T) {
	small := makeSmallLog(t, false)
	ends := small.recordEnds(t)
	r := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, fileBytesMin)
	for i := range garbage {
		garbage[i] = byte(r.Uint32())
	}
	for _, tail := range [][]byte{make([]byte, fileBytesMin), garbage} {
		for at := fileHeaderSize; at < fileBytesMin; at++ {
			if !worthTrying(small.files[smallSecond], at) {
				continue
			}
			torn := append(bytes.Clone(small.files[smallSecond][:at]), tail[at:]...)
			records, rec, err := small.with(smallSecond, torn).read()
			require.NoError(t, err)
			require.True(t, isPrefix(records, small.payloads))
			want := 3
			for _, end := range ends {
				// A record is whole if only zeros were cut off it.
				if bytes.Equal(torn[:end], small.files[smallSecond][:end]) {
					want++
				}
			}
			if len(records) != want {
				t.Fatalf("torn at %d: %d records of %d", at, len(records), want)
			}
			require.GreaterOrEqual(t, rec.found.TornBytes, int64(0))

			torn = append(bytes.Clone(small.files[smallFirst][:at]), tail[at:]...)
			_, _, err = small.with(smallFirst, torn).read()
			if bytes.Equal(torn[:small.last+blockSize], small.files[smallFirst][:small.last+blockSize]) {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrCorrupt)
			}
		}
	}
}

// TestMisplaced puts a group where another was, of the same log or of one with the same past: it is whole, and it is
// not read, because it does not follow the one before it.
func TestMisplaced(t *testing.T) {
	small := makeSmallLog(t, false)
	group := func(file []byte, at int64) []byte { return file[at : at+blockSize] }
	before := small.last - blockSize
	twin := bytes.Clone(small.files[smallSecond])
	resealAll(t, twin, func(h *recordHeader, payload []byte) {
		if h.lsn == 5 && h.kind == 1 {
			copy(payload, "another text")
		}
	})
	for name, c := range map[string]struct {
		at   int64
		from []byte
		want int
	}{
		"the group before":     {small.last, group(small.files[smallSecond], before), 5},
		"the group behind":     {before, group(small.files[smallSecond], small.last), -1}, // It testifies to what it has overwritten.
		"another present":      {before, group(twin, before), 5},
		"of another past":      {small.last, group(twin, small.last), 5},
		"of the file before":   {small.last, group(small.files[smallFirst], small.last), 5},
		"the header of a file": {small.last, small.files[smallSecond][:blockSize], 5},
	} {
		t.Run(name, func(t *testing.T) {
			data := bytes.Clone(small.files[smallSecond])
			copy(data[c.at:], c.from)
			if c.at < small.last {
				clear(data[small.last:]) // What would testify against it.
			}
			records, _, err := small.with(smallSecond, data).read()
			if c.want < 0 {
				require.ErrorIs(t, err, ErrCorrupt)
				return
			}
			require.NoError(t, err)
			require.Len(t, records, c.want)
		})
	}
}

// TestContradictions changes fields of the last record, and makes all checksums right again.
func TestContradictions(t *testing.T) {
	small := makeSmallLog(t, false)
	for name, c := range map[string]struct {
		edit    func(h *recordHeader)
		refused bool
	}{
		"number of another file":         {func(h *recordHeader) { h.file = 7 }, false},
		"LSN left out":                   {func(h *recordHeader) { h.lsn++ }, false},
		"LSN again":                      {func(h *recordHeader) { h.lsn-- }, false},
		"testimony to itself":            {func(h *recordHeader) { h.syncedOff = small.last + 8 }, true},
		"testimony to less than nothing": {func(h *recordHeader) { h.syncedOff = -8 }, false},
		"gap that goes back":             {func(h *recordHeader) { h.kind, h.lsn = typeGap, 5 }, false},
		"pad with an LSN of its own":     {func(h *recordHeader) { h.kind = typePad }, false},
		"length beyond the file":         {func(h *recordHeader) { h.length = fileBytesMin }, false},
		"length beyond all limits":       {func(h *recordHeader) { h.length = RecordBytesMax + 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			data := bytes.Clone(small.files[smallSecond])
			clear(data[small.last+48:])
			resealAll(t, data, func(h *recordHeader, _ []byte) {
				if h.lsn == 6 {
					c.edit(h)
				}
			})
			records, _, err := small.with(smallSecond, data).read()
			if c.refused {
				require.ErrorIs(t, err, ErrCorrupt)
				return
			}
			require.NoError(t, err)
			require.Len(t, records, 5)
		})
	}
}

// resealAll edits the records of the second file and makes all checksums right again.
func resealAll(t *testing.T, file []byte, edit func(h *recordHeader, payload []byte)) {
	t.Helper()
	h, err := decodeFileHeader(file[:fileHeaderSize])
	require.NoError(t, err)
	crc := h.prev.CRC
	seed := checksumSeed(memStore)
	for off := int64(fileHeaderSize); ; {
		rec, err := decodeRecordHeader(file[off:], seed)
		if err != nil {
			return
		}
		frame := file[off : off+frameSize(int(rec.length))]
		rec.prevCRC = crc
		edit(&rec, frame[recordHeaderSize:])
		crc = sealRecord(frame, rec, seed)
		off += int64(len(frame))
	}
}

// recordEnds returns the offsets behind the records of the second file.
func (small smallLog) recordEnds(t *testing.T) (ends []int64) {
	t.Helper()
	h, err := decodeFileHeader(small.files[smallSecond][:fileHeaderSize])
	require.NoError(t, err)
	s := newScanner(memFile{data: small.files[smallSecond]}, fileBytesMin, h)
	for {
		f, err := s.next()
		if err != nil {
			return ends
		}
		if f.kind <= TypeMax {
			ends = append(ends, f.off+int64(len(f.raw)))
		}
	}
}
