package rowfile

import (
	"bytes"

	"github.com/residualdb/residual/internal/rowname"
)

// Format is what a file of rows is.
type Format string

// The formats. A file of no known format is Unknown.
const (
	Unknown       Format = ""
	NDJSON        Format = "ndjson"
	JSONDocument  Format = "json" // one array, or one object
	CSVFormat     Format = "csv"
	ParquetFormat Format = "parquet"
)

// Compression is how a file is compressed.
type Compression string

// The compressions.
const (
	Plain Compression = ""
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// FormatBytes are as many as a format is told by, at most.
const FormatBytes = 512

const parquetMagic = "PAR1"

// CompressionOf returns how a file is compressed, which its first bytes tell, whatever its name.
func CompressionOf(start []byte) Compression {
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return Gzip
	case bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")):
		return Zstd
	}
	return Plain
}

// IsWide tells whether a file begins as UTF-16 with its mark does.
func IsWide(start []byte) bool { return len(start) >= 2 && wideOrder(start[:2]) != nil }

// FormatOf returns the format of a file by how its decompressed content begins; where that does not tell, by its name. A file of a kind
// that is not read is an error.
func FormatOf(start []byte, name string) (Format, error) {
	for i := range foreign {
		if bytes.HasPrefix(start, []byte(foreign[i].magic)) {
			return Unknown, errorf("the file is %s", foreign[i].what)
		}
	}
	if bytes.HasPrefix(start, []byte(parquetMagic)) {
		return ParquetFormat, nil
	}
	start = start[:min(len(start), FormatBytes)]
	// Of UTF-16 the zeros beside ASCII and the mark are left out: enough to see how the text begins.
	text := bytes.TrimLeft(start, mark+markBig+"\x00 \t\r\n")
	switch {
	case len(text) > 0 && text[0] == '[':
		return JSONDocument, nil
	case len(text) > 0 && text[0] == '{':
		return NDJSON, nil
	}
	format, _ := rowname.Of(name)
	return Format(format), nil
}

// foreign are files that people have rows in and that are not read, by how they begin.
var foreign = [...]struct{ magic, what string }{
	{"PK\x03\x04", "a ZIP archive or an Excel workbook: save its sheet as CSV"},
	{"\xd0\xcf\x11\xe0", "an old Excel workbook: save its sheet as CSV"},
	{"BZh", "compressed with bzip2: gzip and zstd are read"},
	{"\xfd7zXZ\x00", "compressed with xz: gzip and zstd are read"},
	{"\x04\x22\x4d\x18", "compressed with LZ4: gzip and zstd are read"},
	{"ARROW1", "an Arrow or Feather file: write it as Parquet"},
	{"ORC", "an ORC file: write it as Parquet"},
	{"Obj\x01", "an Avro file: write it as Parquet"},
	{"PARE", "a Parquet file whose footer is encrypted: write it without encryption"},
}
