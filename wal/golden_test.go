package wal

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

const goldenDir = "testdata/v1"

// TestGoldenWrite holds that the log writes the bytes it has always written. A difference is a change of the format.
func TestGoldenWrite(t *testing.T) {
	small := makeSmallLog(t, true)
	for _, name := range []string{smallFirst, smallSecond} {
		path := filepath.Join(goldenDir, name+".hex")
		text := annotate(t, small.files[name])
		if *rewrite {
			require.NoError(t, os.MkdirAll(goldenDir, 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
		golden, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(golden), text)
	}
}

// TestGoldenRead holds that the files of version 1 can be read for ever.
func TestGoldenRead(t *testing.T) {
	m := memFS{files: map[string][]byte{}}
	for _, name := range []string{smallFirst, smallSecond} {
		text, err := os.ReadFile(filepath.Join(goldenDir, name+".hex"))
		require.NoError(t, err)
		m.files[name] = unannotate(t, string(text))
	}
	records, r, err := m.read()
	require.NoError(t, err)
	require.Equal(t, makeSmallLog(t, true).payloads, records)
	require.Zero(t, r.found.TornBytes)
	require.EqualValues(t, len(records), r.end.LSN)
}

// TestGoldenInDocument holds that the example in the description of the format is what the log writes.
func TestGoldenInDocument(t *testing.T) {
	document, err := os.ReadFile("../docs/format-wal.md")
	require.NoError(t, err)
	golden, err := os.ReadFile(filepath.Join(goldenDir, smallFirst+".hex"))
	require.NoError(t, err)
	_, records, found := strings.Cut(string(golden), "\n\n")
	require.True(t, found)
	first, _, _ := strings.Cut(records, "\n\n")
	require.Contains(t, string(document), first)
}

// annotate writes a log file as hexadecimal digits, one field to a line.
func annotate(t *testing.T, data []byte) string {
	t.Helper()
	var out strings.Builder
	at := 0
	field := func(n int, name string, value any) {
		line := hex.EncodeToString(data[at : at+n])
		if n > 16 && isZero(data[at:at+n]) {
			line = fmt.Sprintf("00*%d", n)
		}
		fmt.Fprintf(&out, "%06x  %-34s %s", at, line, name)
		if value != nil {
			fmt.Fprintf(&out, " %v", value)
		}
		out.WriteByte('\n')
		at += n
	}
	h, err := decodeFileHeader(data[:fileHeaderSize])
	require.NoError(t, err)
	field(8, "magic", strconv.Quote(fileMagic))
	field(4, "version", formatVersion)
	field(4, "number", h.number)
	field(16, "store id", nil)
	field(8, "first lsn", h.firstLSN)
	field(8, "length", h.length)
	field(4, "previous: number", h.prev.File)
	field(4, "previous: crc", nil)
	field(8, "previous: last lsn", h.prev.LSN)
	field(8, "previous: end", h.prev.end)
	field(offFileCRC-offUnused, "unused", nil)
	field(4, "crc", nil)
	s := newScanner(memFile{data: data}, int64(len(data)), h)
	for {
		f, err := s.next()
		if err != nil {
			break
		}
		out.WriteByte('\n')
		kinds := map[uint8]string{typePad: "pad", typeEnd: "end", typeGap: "gap"}
		field(4, "crc", nil)
		field(4, "length", f.length)
		field(8, "lsn", f.lsn)
		field(4, "previous crc", nil)
		field(4, "file", f.file)
		field(8, "synced offset", f.syncedOff)
		field(1, "type", strings.TrimSpace(fmt.Sprint(f.kind, " ", kinds[f.kind])))
		field(1, "flags", nil)
		field(2, "reserved", nil)
		field(4, "header crc", nil)
		if f.length > 0 {
			var text any
			if !isZero(f.payload()) {
				text = strconv.Quote(string(f.payload()))
			}
			field(int(f.length), "payload", text)
		}
		if rest := len(f.raw) - recordHeaderSize - int(f.length); rest > 0 {
			field(rest, "padding", nil)
		}
	}
	out.WriteByte('\n')
	field(len(data)-at, "allocated", nil)
	return out.String()
}

// unannotate is the inverse of annotate.
func unannotate(t *testing.T, text string) []byte {
	t.Helper()
	var data []byte
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if zeros, ok := strings.CutPrefix(fields[1], "00*"); ok {
			n, err := strconv.Atoi(zeros)
			require.NoError(t, err)
			data = append(data, bytes.Repeat([]byte{0}, n)...)
			continue
		}
		b, err := hex.DecodeString(fields[1])
		require.NoError(t, err)
		data = append(data, b...)
	}
	return data
}
