package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// kind is what an input holds, and how that is to be read.
type kind struct {
	// format is ndjson, json (one array), csv or parquet.
	format string
	// delimiter is what stands between the fields of CSV.
	delimiter rune
}

// startBytes is how much of an input is looked at to recognise it.
const startBytes = 64 << 10

const (
	gzipMagic    = "\x1f\x8b"
	zstdMagic    = "\x28\xb5\x2f\xfd"
	parquetMagic = "PAR1"
	textMark     = "\xef\xbb\xbf"
)

var errUnknownKind = errors.New("neither NDJSON, a JSON array, CSV with a header, nor Parquet")

// compressionOf returns gzip, zstd, or "" for what begins otherwise.
func compressionOf(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte(gzipMagic)):
		return "gzip"
	case bytes.HasPrefix(start, []byte(zstdMagic)):
		return "zstd"
	}
	return ""
}

// kindOf returns what an input of a name is that begins with start, decompressed: what format says, unless that is auto. What is not
// recognised is an error, because all of its lines would be rejected one by one; but a file that is named NDJSON is that.
func kindOf(start []byte, name, format string) (kind, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(start, []byte(textMark)), " \t\r\n")
	header, _, _ := strings.Cut(string(text), "\n")
	delimiter := ','
	named := false
	for _, d := range client.Delimiters {
		if client.IsHeader(header, d) {
			delimiter, named = d, true
			break
		}
	}
	if format == formatAuto {
		format = guess(start, text, name)
		if format == "" && named {
			format = "csv"
		}
	}
	if format == "" {
		return kind{}, fmt.Errorf("%w: it begins with %q; --format says what it is", errUnknownKind, text[:min(len(text), 24)])
	}
	return kind{format, delimiter}, nil
}

// formatAuto is the format of an input that is to be recognised.
const formatAuto = "auto"

// guess returns the format that the first bytes or else the name tell, "" if neither does.
func guess(start, text []byte, name string) string {
	extension := filepath.Ext(name)
	for _, packed := range []string{".gz", ".gzip", ".zst"} {
		if strings.EqualFold(extension, packed) {
			extension = filepath.Ext(strings.TrimSuffix(name, extension))
		}
	}
	extension = strings.ToLower(extension)
	switch {
	case bytes.HasPrefix(start, []byte(parquetMagic)):
		return "parquet"
	case len(text) == 0, text[0] == '{', extension == ".ndjson", extension == ".jsonl":
		return "ndjson"
	case text[0] == '[':
		return "json"
	case extension == ".csv":
		return "csv"
	}
	return ""
}
