package rowfile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/rowfile"
)

// TestFormatOf tells files by how they begin, under names that say something else, and the others by their names.
func TestFormatOf(t *testing.T) {
	f := func(start, name string, want rowfile.Format) {
		t.Helper()
		got, err := rowfile.FormatOf([]byte(start), name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	f("PAR1\x15\x04", "rows.csv", rowfile.ParquetFormat)
	f("\n [{", "rows.csv", rowfile.JSONDocument)
	f("\xEF\xBB\xBF{", "rows.csv", rowfile.NDJSON)
	f("\xff\xfe[\x00", "", rowfile.JSONDocument)
	f("\xfe\xff\x00{", "", rowfile.NDJSON)
	f("{\x00\"\x00", "", rowfile.NDJSON)
	f("a,b\n", "rows.CSV.gz", rowfile.CSVFormat)
	f("a\tb\n", "rows.tsv", rowfile.CSVFormat)
	f("a,b\n", "rows", rowfile.Unknown)
	f("", "rows.ndjson.zst", rowfile.NDJSON)
	f("", "rows.parquet.gzip", rowfile.ParquetFormat)
	f("", "", rowfile.Unknown)
	refused := func(start, want string) {
		t.Helper()
		_, err := rowfile.FormatOf([]byte(start), "rows.csv")
		var e *rowfile.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Text)
	}
	refused("PK\x03\x04", "the file is a ZIP archive or an Excel workbook: save its sheet as CSV")
	refused("BZh9", "the file is compressed with bzip2: gzip and zstd are read")
	refused("ARROW1\x00\x00", "the file is an Arrow or Feather file: write it as Parquet")
	refused("PARE", "the file is a Parquet file whose footer is encrypted: write it without encryption")
	require.Equal(t, rowfile.Gzip, rowfile.CompressionOf([]byte("\x1f\x8b\x08")))
	require.Equal(t, rowfile.Zstd, rowfile.CompressionOf([]byte("\x28\xb5\x2f\xfd\x00")))
	require.Equal(t, rowfile.Plain, rowfile.CompressionOf(nil))
	require.True(t, rowfile.IsWide([]byte("\xff\xfea\x00")))
	require.False(t, rowfile.IsWide([]byte("\xff")))
}
