// Package rowname tells by the name of a file what format its rows have and how it is compressed: the one list of such names, for what is read
// and for what is written.
package rowname

import (
	"path"
	"strings"
)

// formats are the endings of files of rows. One in .json may be a document too, which only its content tells.
var formats = map[string]string{
	".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
}

// compressions are the endings that a compressed file has behind that of its format.
var compressions = map[string]string{".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}

// Of returns the format that a name tells, ndjson, csv or parquet, and the compression, gzip or zstd. What it does not tell is empty.
func Of(name string) (format, compression string) {
	extension, compression := Extension(name)
	return formats[extension], compression
}

// Extension returns the ending of a name before that of a compression, in small letters, and the compression.
func Extension(name string) (extension, compression string) {
	extension = strings.ToLower(path.Ext(name))
	compression = compressions[extension]
	if compression != "" {
		extension = strings.ToLower(path.Ext(name[:len(name)-len(extension)]))
	}
	return extension, compression
}
